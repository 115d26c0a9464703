import java.math.BigDecimal;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonParser;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonToken;

/** A line to (transaction_id, event_time, customer_id, cents), by Jackson's streaming parser. */
public final class Decode extends RichMapFunction<String, Tuple4<Long, Long, String, Long>> {
    private transient JsonFactory factory;

    @Override
    public Tuple4<Long, Long, String, Long> map(String line) throws Exception {
        if (factory == null) factory = new JsonFactory();
        Tuple4<Long, Long, String, Long> event = new Tuple4<>();
        try (JsonParser parser = factory.createParser(line)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "transaction_id": event.f0 = parser.getLongValue(); break;
                    case "event_time": event.f1 = parser.getLongValue(); break;
                    case "customer_id": event.f2 = parser.getText(); break;
                    // Two digits behind the point: rounding gives back what the text said.
                    case "amount": event.f3 = Math.round(parser.getDoubleValue() * 100); break;
                    default: break;
                }
            }
        }
        return event;
    }
}
