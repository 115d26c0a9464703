import java.io.PrintWriter;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.java.tuple.Tuple2;

/** Counts the rows and writes every so many, by transaction_id, to a file. */
public final class Sample extends RichMapFunction<Tuple2<Long, double[]>, Tuple2<Long, double[]>> {
    private static final String[] AGGREGATES = {"n", "total", "mean", "low", "high", "sd"};
    private final String path;
    private final int step;
    private final String[] windows;
    private final LongCounter rows = new LongCounter();
    private transient PrintWriter writer;

    /** The path may be empty: nothing is written. */
    public Sample(String path, int step, String[] windows) {
        this.path = path;
        this.step = step;
        this.windows = windows;
    }

    @Override
    public void open(OpenContext context) throws Exception {
        getRuntimeContext().addAccumulator("rows", rows);
        if (path.isEmpty()) return;
        writer = new PrintWriter(path);
        StringBuilder line = new StringBuilder("line");
        for (String window : windows) for (String name : AGGREGATES) line.append(',').append(name).append('_').append(window);
        writer.println(line);
    }

    @Override
    public Tuple2<Long, double[]> map(Tuple2<Long, double[]> row) {
        rows.add(1L);
        if (writer != null && row.f0 % step == 0) {
            StringBuilder line = new StringBuilder().append(row.f0);
            for (double value : row.f1) line.append(',').append(value);
            writer.println(line);
        }
        return row;
    }

    @Override
    public void close() {
        if (writer != null) writer.close();
    }
}
