import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * The pattern of Flink's own fraud detection example ("Advanced Flink Application Patterns", part 3): amounts by time in a
 * MapState, which every event walks.
 *
 * <p>Old entries leave on the walk. Ties: those that came before count, as in Freshet.
 */
public final class MapWindows
        extends KeyedProcessFunction<String, Tuple4<Long, Long, String, Long>, Tuple2<Long, double[]>> {
    private final long[] windows;
    private transient MapState<Long, List<Long>> state;

    public MapWindows(long[] windows) {
        this.windows = windows;
    }

    @Override
    public void open(OpenContext context) {
        state = getRuntimeContext().getMapState(new MapStateDescriptor<>("amounts", Types.LONG, Types.LIST(Types.LONG)));
    }

    @Override
    public void processElement(
            Tuple4<Long, Long, String, Long> event, Context context, Collector<Tuple2<Long, double[]>> out) throws Exception {
        long now = event.f1;
        List<Long> atThisTime = state.get(now);
        if (atThisTime == null) atThisTime = new ArrayList<>(1);
        atThisTime.add(event.f3);
        state.put(now, atThisTime);
        int length = windows.length;
        long[] counts = new long[length], sums = new long[length], squares = new long[length];
        long[] lows = new long[length], highs = new long[length];
        java.util.Arrays.fill(lows, Long.MAX_VALUE);
        java.util.Arrays.fill(highs, Long.MIN_VALUE);
        Iterator<Map.Entry<Long, List<Long>>> entries = state.iterator();
        while (entries.hasNext()) {
            Map.Entry<Long, List<Long>> entry = entries.next();
            long age = now - entry.getKey();
            if (age >= windows[length - 1]) {
                entries.remove();
                continue;
            }
            for (long amount : entry.getValue()) {
                for (int window = length - 1; window >= 0 && age < windows[window]; window--) {
                    counts[window]++;
                    sums[window] += amount;
                    squares[window] += amount * amount;
                    lows[window] = Math.min(lows[window], amount);
                    highs[window] = Math.max(highs[window], amount);
                }
            }
        }
        double[] row = new double[length * Values.COUNT];
        for (int window = 0; window < length; window++) {
            Values.write(row, window, counts[window], sums[window], squares[window], lows[window], highs[window]);
        }
        out.collect(new Tuple2<>(event.f0, row));
    }
}
