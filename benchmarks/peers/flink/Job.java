import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * W1 in Flink, in this process: Job FILE VARIANT BACKEND WINDOWS SAMPLE STEP FOLDER
 *
 * <p>VARIANT is ring, map or sql; BACKEND hashmap or rocksdb; WINDOWS milliseconds with names, as 1h=3600000,…; FOLDER is for
 * RocksDB's files. One task of each kind, no checkpoints. Rows are named by their transaction_id.
 */
public final class Job {
    public static void main(String[] arguments) throws Exception {
        String file = arguments[0];
        String variant = arguments[1];
        String[] names = arguments[3].split(",");
        long[] windows = new long[names.length];
        for (int i = 0; i < names.length; i++) {
            windows[i] = Long.parseLong(names[i].split("=")[1]);
            names[i] = names[i].split("=")[0];
        }
        Configuration configuration = new Configuration();
        configuration.setString("state.backend.type", arguments[2]);
        configuration.setString("state.backend.rocksdb.localdir", arguments[6]);
        configuration.setString("taskmanager.memory.managed.size", "512m");
        configuration.setString("rest.bind-port", "0");
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        environment.setParallelism(1);
        environment.getConfig().enableObjectReuse();

        DataStream<Tuple2<Long, double[]>> rows;
        if (variant.equals("sql")) {
            rows = Sql.rows(environment, file, names, windows);
        } else {
            KeyedStream<Tuple4<Long, Long, String, Long>, String> events =
                    environment
                            .fromSource(
                                    FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(file)).build(),
                                    WatermarkStrategy.noWatermarks(), "transactions")
                            .map(new Decode())
                            .keyBy(event -> event.f2);
            KeyedProcessFunction<String, Tuple4<Long, Long, String, Long>, Tuple2<Long, double[]>> function =
                    variant.equals("ring") ? new RingWindows(windows) : new MapWindows(windows);
            rows = events.process(function);
        }
        rows.map(new Sample(arguments[4], Integer.parseInt(arguments[5]), names)).sinkTo(new DiscardingSink<>());
        JobExecutionResult result = environment.execute();
        System.out.println("{\"rows\": " + result.getAccumulatorResult("rows") + "}");
    }
}
