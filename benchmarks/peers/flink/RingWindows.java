import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Written by hand: a customer's events in a ring buffer, one walk back from the newest for all windows.
 *
 * <p>Expects events of a customer in the order of their time. Ties: those that came before count, as in Freshet.
 */
public final class RingWindows
        extends KeyedProcessFunction<String, Tuple4<Long, Long, String, Long>, Tuple2<Long, double[]>> {
    /** Capacities are powers of two. */
    public static final class Ring {
        public long[] times = new long[8];
        public long[] cents = new long[8];
        public int first;
        public int count;

        void append(long time, long amount) {
            if (count == times.length) grow();
            int at = (first + count++) & (times.length - 1);
            times[at] = time;
            cents[at] = amount;
        }

        void dropThrough(long time) {
            while (count > 0 && times[first] <= time) {
                first = (first + 1) & (times.length - 1);
                count--;
            }
        }

        private void grow() {
            long[] moreTimes = new long[times.length * 2];
            long[] moreCents = new long[times.length * 2];
            for (int i = 0; i < count; i++) {
                int at = (first + i) & (times.length - 1);
                moreTimes[i] = times[at];
                moreCents[i] = cents[at];
            }
            times = moreTimes;
            cents = moreCents;
            first = 0;
        }
    }

    private final long[] windows;
    private transient ValueState<Ring> state;

    public RingWindows(long[] windows) {
        this.windows = windows;
    }

    @Override
    public void open(OpenContext context) {
        state = getRuntimeContext().getState(new ValueStateDescriptor<>("ring", Ring.class));
    }

    @Override
    public void processElement(
            Tuple4<Long, Long, String, Long> event, Context context, Collector<Tuple2<Long, double[]>> out) throws Exception {
        Ring ring = state.value();
        if (ring == null) ring = new Ring();
        long now = event.f1;
        ring.append(now, event.f3);
        ring.dropThrough(now - windows[windows.length - 1]);
        double[] row = new double[windows.length * Values.COUNT];
        long count = 0, sum = 0, squares = 0, low = Long.MAX_VALUE, high = Long.MIN_VALUE;
        int window = 0;
        int mask = ring.times.length - 1;
        for (int i = ring.count - 1; i >= 0; i--) {
            int at = (ring.first + i) & mask;
            while (ring.times[at] <= now - windows[window]) Values.write(row, window++, count, sum, squares, low, high);
            long amount = ring.cents[at];
            count++;
            sum += amount;
            squares += amount * amount;
            low = Math.min(low, amount);
            high = Math.max(high, amount);
        }
        while (window < windows.length) Values.write(row, window++, count, sum, squares, low, high);
        state.update(ring);
        out.collect(new Tuple2<>(event.f0, row));
    }
}
