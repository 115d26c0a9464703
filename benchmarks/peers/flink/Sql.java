import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/**
 * SQL's OVER windows. All aggregates of one SELECT need the same window, so there is one SELECT inside another per window.
 *
 * <p>Ties: RANGE takes in all events of the same instant, later ones too.
 */
final class Sql {
    private Sql() {}

    static DataStream<Tuple2<Long, double[]>> rows(
            StreamExecutionEnvironment environment, String file, String[] names, long[] windows) {
        StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
        tables.executeSql(
                "CREATE TABLE transactions (transaction_id BIGINT, event_time BIGINT, customer_id STRING, amount DECIMAL(12, 2),"
                        + " ts AS TO_TIMESTAMP_LTZ(event_time, 3), WATERMARK FOR ts AS ts)"
                        + " WITH ('connector' = 'filesystem', 'path' = '" + file + "', 'format' = 'json')");
        String query = "transactions";
        String columns = "transaction_id, customer_id, amount, ts";
        String values = "";
        for (int i = 0; i < names.length; i++) {
            String w = names[i];
            query =
                    "(SELECT " + columns + values
                            + ", CAST(COUNT(*) OVER w AS DOUBLE) AS n_" + w + ", CAST(SUM(amount) OVER w AS DOUBLE) AS total_" + w
                            + ", CAST(AVG(CAST(amount AS DOUBLE)) OVER w AS DOUBLE) AS mean_" + w
                            + ", CAST(MIN(amount) OVER w AS DOUBLE) AS low_" + w
                            + ", CAST(MAX(amount) OVER w AS DOUBLE) AS high_" + w
                            + ", STDDEV_POP(CAST(amount AS DOUBLE)) OVER w AS sd_" + w
                            + " FROM " + query + " WINDOW w AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN "
                            + interval(windows[i] - 1) + " PRECEDING AND CURRENT ROW))";
            for (String name : new String[] {"n_", "total_", "mean_", "low_", "high_", "sd_"}) values += ", " + name + w;
        }
        int count = names.length * Values.COUNT;
        return tables.toDataStream(tables.sqlQuery("SELECT transaction_id" + values + " FROM " + query))
                .map(
                        (Row row) -> {
                            double[] result = new double[count];
                            for (int i = 0; i < count; i++) {
                                Object value = row.getField(i + 1);
                                result[i] = value == null ? Double.NaN : (double) value;
                            }
                            return new Tuple2<>((Long) row.getField(0), result);
                        })
                .returns(Types.TUPLE(Types.LONG, Types.PRIMITIVE_ARRAY(Types.DOUBLE)));
    }

    private static String interval(long milliseconds) {
        long seconds = milliseconds / 1000;
        return String.format(
                "INTERVAL '%d %02d:%02d:%02d.%03d' DAY TO SECOND(3)",
                seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, milliseconds % 1000);
    }
}
