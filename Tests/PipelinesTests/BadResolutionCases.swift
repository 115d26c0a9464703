extension BadFileCase {
    static let resolutionCases: [BadFileCase] = [
        BadFileCase(
            "where: amount > 0", "resolution: {events: 100, stp: 1h}",
            "f:24:26: '100' is no number of events that may stay exact; expected a whole number from 128 to 1000000000\nf:24:31: unknown key 'stp' of 'resolution'; expected one of events, step; did you mean step?"
        ),
        BadFileCase(
            "where: amount > 0", "resolution: {events: 1000}",
            "f:24:17: 'resolution' has no 'step'; expected 'step'"),
        BadFileCase(
            "where: amount > 0", "resolution: exakt",
            "f:24:17: unknown resolution 'exakt'; expected exact, or {events: 10000, step: 1m}; did you mean exact?"),
        BadFileCase(
            "where: amount > 0", "resolution: [1]",
            "f:24:17: 'resolution' is a list; expected exact, or {events: 10000, step: 1m}"),
        BadFileCase(
            "windows: [1h, 7d]", "windows: [7d], resolution: {events: 1000, step: 10ms}",
            "f:26:87: the step is too short; expected at least 1s"),
        BadFileCase(
            "count(), windows: [1h, 7d]", "max(name), windows: [7d], resolution: {events: 1000, step: 1m}",
            "f:26:68: max(string) is always exact; expected 'resolution: exact' for this feature; count, sum, avg, min, max, variances and deviations of numbers may have another"
        ),
        BadFileCase(
            "where: amount > 0\n    features:",
            "resolution: {events: 1000, step: 1m}\n    features:\n      - {name: z, aggregate: first(ok), windows: [7d]}",
            "f:26:30: first(bool) is always exact; expected 'resolution: exact' for this feature; count, sum, avg, min, max, variances and deviations of numbers may have another"
        ),
        BadFileCase(
            "where: amount > 0\n    features:\n      - {name: n, aggregate: count(), windows: [1h, 7d]}",
            "resolution: {events: 1000, step: 1m}\n    features:\n      - {name: n, aggregate: count(), windows: [7d]}\n      - {name: m, aggregate: count(), windows: [7d], resolution: {events: 1000, step: 2m}}",
            "f:27:66: the view has the resolution {events: 1000, step: 1m} already, here is {events: 1000, step: 2m}; expected one for all features that are not exact: they share the events"
        ),
    ]
}
