/// One mistake a case, made in `BadFileTests.good` by replacing a piece of it, and the exact text of the error.
struct BadFileCase: Sendable {
    var piece: String
    var replacement: String
    var errors: String

    init(_ piece: String, _ replacement: String, _ errors: String) {
        self.piece = piece
        self.replacement = replacement
        self.errors = errors
    }

    static let all = pipelineCases + sourceCases + viewCases + resolutionCases + expressionCases
}

extension BadFileCase {
    static let pipelineCases: [BadFileCase] = [
        BadFileCase(
            "pipeline: p\n", "",
            "f:1:1: the pipeline has no 'pipeline'; expected 'pipeline'"),
        BadFileCase(
            "pipeline: p", "pipeline: 9p",
            "f:1:11: '9p' is no name for a pipeline; expected letters, digits and _, not a digit first, at most 64 bytes"),
        BadFileCase(
            "pipeline: p", "pipeline:",
            "f:1:10: 'pipeline' is nothing; expected a name"),
        BadFileCase(
            "pipeline: p", "pipeline: [p]",
            "f:1:11: 'pipeline' is a list; expected a name"),
        BadFileCase(
            "pipeline: p", "pipeline: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "f:1:11: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is no name for a pipeline; expected letters, digits and _, not a digit first, at most 64 bytes"
        ),
        BadFileCase(
            "version: 1\n", "",
            "f:1:1: the pipeline has no 'version'; expected 'version'"),
        BadFileCase(
            "version: 1", "version: 0",
            "f:2:10: 'version' is '0'; expected an integer from 1"),
        BadFileCase(
            "version: 1", "version: one",
            "f:2:10: 'version' is 'one'; expected an integer from 1"),
        BadFileCase(
            "version: 1", "version: \"1\"",
            "f:2:10: 'version' is '1'; expected an integer from 1"),
        BadFileCase(
            "version: 1", "version: 1.0",
            "f:2:10: 'version' is '1.0'; expected an integer from 1"),
        BadFileCase(
            "version: 1", "version: 1\nversoin: 2",
            "f:3:1: unknown key 'versoin' of the pipeline; expected one of pipeline, version, sources, views; did you mean version?"
        ),
        BadFileCase(
            "version: 1", "version: 1\nversion: 2",
            "f:3:1: the key 'version' stands twice in this mapping; expected each key once"),
        BadFileCase(
            "sources:", "sorces:",
            "f:3:1: unknown key 'sorces' of the pipeline; expected one of pipeline, version, sources, views; did you mean sources?\nf:22:13: unknown source 'tx'; expected a source"
        ),
        BadFileCase(
            "views:", "view:",
            "f:20:1: unknown key 'view' of the pipeline; expected one of pipeline, version, sources, views; did you mean views?"
        ),
        BadFileCase(
            "pipeline: p", "- pipeline",
            "f:2:1: not YAML: did not find expected '-' indicator while parsing a block collection"),
        BadFileCase(
            "pipeline: p", "pipeline: {p",
            "f:2:8: not YAML: did not find expected ',' or '}' while parsing a flow mapping"),
        BadFileCase(
            "pipeline: p", "pipeline: p\n\tversion: 3",
            "f:2:1: not YAML: found a tab character that violates indentation while scanning a plain scalar"),
        BadFileCase(
            "pipeline: p", "---\n---\npipeline: p",
            "f:2:1: not YAML: but found another document expected a single document in the stream"),
        BadFileCase(
            "pipeline: p", "pipeline: \u{7}",
            "f:1:11: the character U+7 may not stand in a file; expected printable text"),
        BadFileCase(
            "pipeline: p", "pipeline: 'p",
            "f:1:11: not YAML: found unexpected end of stream while scanning a quoted scalar"),
        BadFileCase(
            "pipeline: p", "pipeline: *name",
            "f:1:1: the pipeline has no 'pipeline'; expected 'pipeline'\nf:1:11: unknown alias '*name'; expected an anchor that stands before it"
        ),
        BadFileCase(
            "pipeline: p", "? {a: b}\n: c\npipeline: p",
            "f:1:3: a key is not a name; expected a name"),
    ]
}

extension BadFileCase {
    static let sourceCases: [BadFileCase] = [
        BadFileCase(
            "  tx:", "  9tx:",
            "f:4:3: '9tx' is no name for a source; expected letters, digits and _, not a digit first, at most 64 bytes\nf:22:13: unknown source 'tx'; expected a source"
        ),
        BadFileCase(
            "  tx:", "  tx: 5\n  ty:",
            "f:4:7: source 'tx' is a single value; expected a mapping with keys"),
        BadFileCase(
            "format: json", "format: avro",
            "f:6:13: unknown format 'avro'; expected json"),
        BadFileCase(
            "format: json", "format: jsn",
            "f:6:13: unknown format 'jsn'; expected json; did you mean json?"),
        BadFileCase(
            "    format: json\n", "",
            "f:4:3: source 'tx' has no 'format'; expected 'format'"),
        BadFileCase(
            "topic: tx", "topic: a/b",
            "f:5:12: 'a/b' is no topic's name; expected letters, digits, '.', '_' and '-', at most 249"),
        BadFileCase(
            "topic: tx", "topic:",
            "f:5:11: 'topic' is nothing; expected a topic's name"),
        BadFileCase(
            "key: card", "key: crad",
            "f:7:10: unknown field 'crad'; expected a field of source 'tx'; did you mean card?"),
        BadFileCase(
            "key: card", "key: name",
            "f:7:10: 'name' is optional, it cannot be 'key'; expected a type without '?'"),
        BadFileCase(
            "key: card", "key: rate",
            "f:7:10: 'rate' is double, it cannot be 'key'; expected string, int64, bool, timestamp or decimal"),
        BadFileCase(
            "key: card", "key: [card]",
            "f:7:10: 'key' is a list; expected a field of source 'tx'"),
        BadFileCase(
            "{field: at, unit: ms}", "at",
            "f:8:17: 'event_time' is a single value; expected a mapping with keys"),
        BadFileCase(
            "{field: at, unit: ms}", "{field: at}",
            "f:8:17: 'event_time' has no 'unit'; expected 'unit'"),
        BadFileCase(
            "{field: at, unit: ms}", "{unit: ms}",
            "f:8:17: 'event_time' has no 'field'; expected 'field'"),
        BadFileCase(
            "{field: at, unit: ms}", "{field: at, unit: m}",
            "f:8:35: unknown unit 'm'; expected s, ms, us, rfc3339; did you mean ms?"),
        BadFileCase(
            "{field: at, unit: ms}", "{field: card, unit: ms}",
            "f:8:25: 'card' is string, it cannot be the event time; expected timestamp"),
        BadFileCase(
            "{field: at, unit: ms}", "{field: att, unit: ms}",
            "f:8:25: unknown field 'att'; expected a field of source 'tx'; did you mean at?"),
        BadFileCase(
            "at: timestamp", "at: timestamp?",
            "f:8:25: 'at' is optional, it cannot be the event time; expected a type without '?'"),
        BadFileCase(
            "at: timestamp", "at: timestamp(s)",
            "f:8:17: the field is declared timestamp(s), the unit is ms; expected one unit"),
        BadFileCase(
            "    event_time: {field: at, unit: ms}\n", "",
            "f:4:3: source 'tx' has no 'event_time'; expected 'event_time'"),
        BadFileCase(
            "format: json", "format: json\n    out_of_orderness: 5",
            "f:7:23: 'out_of_orderness' '5' is no duration; expected 500ms, 30s, 5m, 1h or 7d, at most 36500d"),
        BadFileCase(
            "format: json", "format: json\n    idle_timeout: 5 s",
            "f:7:19: 'idle_timeout' '5 s' is no duration; expected 500ms, 30s, 5m, 1h or 7d, at most 36500d"),
        BadFileCase(
            "format: json", "format: json\n    max_ahead: -1s",
            "f:7:16: 'max_ahead' '-1s' is no duration; expected 500ms, 30s, 5m, 1h or 7d, at most 36500d"),
        BadFileCase(
            "format: json", "format: json\n    idle_timeout: 99999999d",
            "f:7:19: 'idle_timeout' '99999999d' is no duration; expected 500ms, 30s, 5m, 1h or 7d, at most 36500d"),
        BadFileCase(
            "format: json", "format: json\n    archive: yes",
            "f:7:14: unknown archive 'yes'; expected true, false"),
        BadFileCase(
            "format: json", "format: json\n    archve: true",
            "f:7:5: unknown key 'archve' of source 'tx'; expected one of topic, format, key, event_time, out_of_orderness, idle_timeout, max_ahead, late, archive, fields; did you mean archive?"
        ),
        BadFileCase(
            "format: json", "format: json\n    late: aply",
            "f:7:11: unknown late 'aply'; expected drop, apply; did you mean apply?"
        ),
        BadFileCase(
            "card: string", "card: strng",
            "f:11:13: unknown type 'strng'; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional; did you mean string?"
        ),
        BadFileCase(
            "card: string", "card: int32",
            "f:11:13: unknown type 'int32'; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional"
        ),
        BadFileCase(
            "amount: decimal(2)", "amount: decimal(19)",
            "f:13:15: unknown type 'decimal(19)'; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional; did you mean decimal(2)?"
        ),
        BadFileCase(
            "amount: decimal(2)", "amount: decimal",
            "f:13:15: unknown type 'decimal'; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional; did you mean decimal(2)?"
        ),
        BadFileCase(
            "card: string", "card: string\n      card: string",
            "f:12:7: the key 'card' stands twice in this mapping; expected each key once"),
        BadFileCase(
            "card: string", "card: string\n      ca-rd: string",
            "f:12:7: 'ca-rd' is no name for a field; expected letters, digits and _, not a digit first, at most 64 bytes"),
        BadFileCase(
            "card: string", "card: string\n      a..b: string",
            "f:12:7: 'a..b' is no name for a field; expected letters, digits and _, not a digit first, at most 64 bytes"),
        BadFileCase(
            "ok: bool", "ok:",
            "f:17:10: the type of 'ok' is nothing; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional"
        ),
        BadFileCase(
            "ok: bool", "ok: {type: bool}",
            "f:17:11: the type of 'ok' is a mapping; expected string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional"
        ),
    ]
}

extension BadFileCase {
    static let viewCases: [BadFileCase] = [
        BadFileCase(
            "  spend:", "  _spend:",
            "f:21:3: '_spend' is no name for a view; expected a letter first"),
        BadFileCase(
            "  spend:", "  sp end:",
            "f:21:3: 'sp end' is no name for a view; expected letters, digits and _, not a digit first, at most 64 bytes"),
        BadFileCase(
            "source: tx", "source: txs",
            "f:22:13: unknown source 'txs'; expected one of tx; did you mean tx?"),
        BadFileCase(
            "    source: tx\n", "",
            "f:21:3: view 'spend' has no 'source'; expected 'source'"),
        BadFileCase(
            "entity: [card]", "entity: card",
            "f:23:13: 'entity' is a single value; expected a list"),
        BadFileCase(
            "entity: [card]", "entity: []",
            "f:23:13: 'entity' is empty; expected at least one entry"),
        BadFileCase(
            "entity: [card]", "entity: [card, card]",
            "f:23:20: 'card' stands twice in the entity; expected each field once"),
        BadFileCase(
            "entity: [card]", "entity: [rate]",
            "f:23:14: 'rate' is double, it cannot be part of an entity; expected string, int64, bool, timestamp or decimal"),
        BadFileCase(
            "entity: [card]", "entity: [name]",
            "f:23:14: 'name' is optional, it cannot be part of an entity; expected a type without '?'"),
        BadFileCase(
            "entity: [card]", "entity: [cart]",
            "f:23:14: unknown field 'cart'; expected a field of source 'tx'; did you mean card?"),
        BadFileCase(
            "    entity: [card]\n", "",
            "f:21:3: view 'spend' has no 'entity'; expected 'entity'"),
        BadFileCase(
            "where: amount > 0", "where:",
            "f:24:11: 'where' is nothing; expected a condition, as in amount > 0"),
        BadFileCase(
            "where: amount > 0", "where: [a]",
            "f:24:12: 'where' is a list; expected a condition, as in amount > 0"),
        BadFileCase(
            "where: amount > 0", "were: amount > 0",
            "f:24:5: unknown key 'were' of view 'spend'; expected one of source, entity, where, snapshots, serve_at, bounds, resolution, features; did you mean where?"
        ),
        BadFileCase(
            "where: amount > 0", "snapshots: finals",
            "f:24:16: unknown snapshots 'finals'; expected final, arrival, none; did you mean final?"),
        BadFileCase(
            "where: amount > 0", "serve_at: never",
            "f:24:15: unknown serve_at 'never'; expected now, latest"),
        BadFileCase(
            "where: amount > 0", "bounds: \"([\"",
            "f:24:13: unknown bounds '(['; expected (], [], [), (); did you mean (]?"),
        BadFileCase(
            "where: amount > 0", "resolution: 1m",
            "f:24:17: unknown resolution '1m'; expected exact, or {events: 10000, step: 1m}"
        ),
        BadFileCase(
            "name: n,", "",
            "f:26:9: a feature has no 'name'; expected 'name'"),
        BadFileCase(
            "name: n,", "name: total,",
            "f:27:16: the feature 'total' stands twice in the view; expected another name"),
        BadFileCase(
            "name: n,", "name: n-1,",
            "f:26:16: 'n-1' is no name for a feature; expected letters, digits and _, not a digit first, at most 64 bytes"),
        BadFileCase(
            "aggregate: count(), ", "",
            "f:26:16: feature 'n' has no 'aggregate'; expected 'aggregate'"),
        BadFileCase(
            "windows: [1h, 7d]", "delay: 1d",
            "f:26:16: feature 'n' has no 'windows'; expected 'windows'"),
        BadFileCase(
            "[1h, 7d]", "[]",
            "f:26:48: 'windows' is empty; expected at least one entry"),
        BadFileCase(
            "[1h, 7d]", "1h",
            "f:26:48: 'windows' is a single value; expected a list"),
        BadFileCase(
            "[1h, 7d]", "[0s]",
            "f:26:49: '0s' is no window; expected 500ms, 30s, 5m, 1h, 7d, longer than 0 and at most 36500d, or lifetime"),
        BadFileCase(
            "[1h, 7d]", "[1h, 60m]",
            "f:26:53: the window 60m stands twice, first as 1h; expected each window once"),
        BadFileCase(
            "[1h, 7d]", "[1w]",
            "f:26:49: '1w' is no window; expected 500ms, 30s, 5m, 1h, 7d, longer than 0 and at most 36500d, or lifetime"),
        BadFileCase(
            "[1h, 7d]", "[lifetme]",
            "f:26:49: 'lifetme' is no window; expected 500ms, 30s, 5m, 1h, 7d, longer than 0 and at most 36500d, or lifetime; did you mean lifetime?"
        ),
        BadFileCase(
            "[1h, 7d]", "[1h, 1h]",
            "f:26:53: the window 1h stands twice, first as 1h; expected each window once"),
        BadFileCase(
            "delay: 1d", "delay: lifetime",
            "f:27:75: 'delay' 'lifetime' is no duration; expected 500ms, 30s, 5m, 1h or 7d, at most 36500d"),
        BadFileCase(
            "delay: 1d", "dealy: 1d",
            "f:27:68: unknown key 'dealy' of a feature; expected one of name, aggregate, windows, delay, where, resolution; did you mean delay?"
        ),
        BadFileCase(
            "count()", "cuont()",
            "f:26:30: unknown aggregate 'cuont'; expected one of count, sum, avg, min, max, var_pop, var_samp, stddev_pop, stddev_samp, first, last, count_distinct; did you mean count?"
        ),
        BadFileCase(
            "count()", "avg()",
            "f:26:30: avg() has no argument; expected a field or an expression"),
        BadFileCase(
            "count()", "sum(card)",
            "f:26:34: sum() of string does not exist; expected int64, double, decimal"),
        BadFileCase(
            "count()", "max(amount, rate)",
            "f:26:40: the expression ends too early (a comma ends a value within braces unless it is quoted); expected ',' or ')'\nf:26:42: unknown key 'rate)' of a feature; expected one of name, aggregate, windows, delay, where, resolution"
        ),
        BadFileCase(
            "count()", "count",
            "f:26:35: the expression ends too early; expected '('"),
        BadFileCase(
            "count()", "count() + 1",
            "f:26:38: unexpected '+'; expected nothing after the aggregate"),
        BadFileCase(
            "count()", "round(amount)",
            "f:26:30: unknown aggregate 'round'; expected one of count, sum, avg, min, max, var_pop, var_samp, stddev_pop, stddev_samp, first, last, count_distinct"
        ),
        BadFileCase(
            "count()", "max(null)",
            "f:26:34: null alone has no type; expected a value"),
        BadFileCase(
            "count()", "1",
            "f:26:30: unexpected '1'; expected an aggregate, as in count() or avg(amount)"),
        BadFileCase(
            "entity: [card]\n    where: amount > 0\n    features:\n      - {name: n, aggregate: count(), windows: [1h",
            "entity: [n_30d]\n    features:\n      - {name: n, aggregate: count(), windows: [30d",
            "f:25:49: the view has a column 'n_30d' already; expected a feature with another name"),
        BadFileCase(
            "entity: [card]", "entity: [partition]",
            "f:23:14: 'partition' is a column of every offline log; expected an entity's field with another name"),
        BadFileCase(
            "count()", "max(round(amount, 1))",
            "f:26:46: the expression ends too early (a comma ends a value within braces unless it is quoted); expected ',' or ')'\nf:26:48: unknown key '1))' of a feature; expected one of name, aggregate, windows, delay, where, resolution"
        ),
        BadFileCase(
            "amount > 0", "amount > 0\n    where: ok",
            "f:25:5: the key 'where' stands twice in this mapping; expected each key once"),
        BadFileCase(
            "windows: [1h", "windows: &w [*w",
            "f:26:52: unknown alias '*w'; expected an anchor that stands before it"),
        BadFileCase(
            "  spend:", "  spend: {}\n  spent:",
            "f:21:3: view 'spend' has no 'source'; expected 'source'\nf:21:3: view 'spend' has no 'entity'; expected 'entity'\nf:21:3: view 'spend' has no 'features'; expected 'features'"
        ),
        BadFileCase(
            "  spend:", "  spend:\n    <<: *x",
            "f:22:9: unknown alias '*x'; expected an anchor that stands before it"),
        BadFileCase(
            "{name: n, aggregate: count(), windows: [1h, 7d]}", "[n]",
            "f:26:9: a feature is a list; expected a mapping with keys"),
        BadFileCase(
            "{name: n, aggregate: count(), windows: [1h, 7d]}",
            "{name: n, aggregate: avg(nam), windows: [1x], dely: 1h, where: o}",
            "f:26:34: unknown field 'nam'; expected a field of source 'tx'; did you mean name?\nf:26:50: '1x' is no window; expected 500ms, 30s, 5m, 1h, 7d, longer than 0 and at most 36500d, or lifetime\nf:26:55: unknown key 'dely' of a feature; expected one of name, aggregate, windows, delay, where, resolution; did you mean delay?\nf:26:72: unknown field 'o'; expected a field of source 'tx'; did you mean ok?"
        ),
        BadFileCase(
            "    features:\n      - {name: n", "    features: []\n    x:\n      - {name: n",
            "f:25:15: 'features' is empty; expected at least one entry\nf:26:5: unknown key 'x' of view 'spend'; expected one of source, entity, where, snapshots, serve_at, bounds, resolution, features"
        ),
        BadFileCase(
            "name: total", "name: n_7d, x: 1",
            "f:27:22: unknown key 'x' of a feature; expected one of name, aggregate, windows, delay, where, resolution"),
    ]
}
