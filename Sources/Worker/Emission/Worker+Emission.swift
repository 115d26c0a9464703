internal import Kafka
internal import Logging
internal import Pipelines
internal import Records
internal import Store

extension Worker {
    /// The emission that a run was asked for.
    static func emission(
        _ plan: Plan, _ options: WorkerOptions, mark: Checkpoint.Emission?, wall: WallClock, log: Logger
    ) throws(WorkerError) -> Emission? {
        guard let topic = options.emitTopic, options.stateDirectory != nil,
            case .brokers(let brokers, let properties) = options.input
        else { return nil }
        let inputs = plan.sources.map(\.topic) + (options.deadLetterTopic.map { [$0] } ?? [])
        if inputs.contains(topic) {
            throw WorkerError(
                "topic \(topic) cannot take the rows: the pipeline reads it, or its dead letters go there", isInput: true)
        }
        for view in plan.views where view.snapshots != .none {
            let columns = view.entity.map { plan.sources[view.source].fields[$0].name } + view.values.map(\.name)
            guard let name = columns.first(where: RowEncoder.ownMembers.contains) else { continue }
            throw WorkerError(
                "view \(view.name) cannot be emitted: its column \(name) has the name of a member that every emitted row has",
                isInput: true)
        }
        let span = TimeSpan(microseconds: 4 * options.commitInterval.microseconds)
        // What is asked for, librdkafka gets too.
        let asked = properties.last { $0.name == "transaction.timeout.ms" }.flatMap { Int32($0.value) }
            .map { TimeSpan.milliseconds(Int64($0)) }
        let spanMax = asked ?? Bounds.transactionTimeoutMax
        guard span <= spanMax else {
            throw WorkerError(
                "rows are emitted in a transaction for each commit, and brokers give those up that take long: the commit interval may be"
                    + " \(spanMax.microseconds / 4_000) ms at most", isInput: true)
        }
        let timeout = asked ?? max(Bounds.transactionTimeoutMin, span)
        let target: any EmitTarget
        if let double = options.emitTarget {
            target = double
        } else {
            target = try EmitTopic(
                KafkaConfiguration(brokers: brokers, properties: properties), topic: topic,
                name: Emission.name(plan, topic: topic), timeout: timeout, log: kafkaLog(log))
        }
        return Emission(plan, topic: topic, to: target, threads: max(1, options.threads), mark: mark, wall: wall)
    }

    /// Brings the state to where emission has come, if it is behind: applies the records up to there and makes their rows, which are not
    /// emitted again.
    ///
    /// Returns early if the run is to stop.
    func catchUp(_ emission: Emission, _ brokers: String, _ properties: [(name: String, value: String)]) throws {
        guard let point = emission.behind else { return }
        log.notice(
            "rows up to commit \(point.number) were emitted to topic \(emission.topic): they are made again and not emitted")
        let consumer = try consumer(brokers, properties, group: emission.name)
        defer { consumer.close() }
        wake = { consumer.wake() }
        let ends = tasks.map { point.source($0.plan.name)?.positions ?? [:] }
        let topics = TopicReader(consumer, tasks: tasks, positions, options, upTo: ends, log: log)
        topics.shouldStop = { [unowned self] in shouldStop }
        // No clock counts: up to the offsets at hand a partition that was read so far has no more to give.
        knownEnds = true
        defer { knownEnds = false }
        try topics.addKnown()
        var batch = MessageBatch(capacity: Bounds.batchRecords)
        while !shouldStop && !topics.hasReadAll {
            try consumer.poll(into: &batch, timeout: .milliseconds(Bounds.pollMilliseconds))
            try take(&batch, topics)
        }
        guard !shouldStop else { return }
        let now = Clock.monotonic()
        for (task, ends) in zip(tasks, ends) {
            // What the topic no longer holds of the last records before an end counts as read.
            for (partition, end) in ends where task.nextOffset(of: partition) ?? 0 < end { task.start(partition, at: end) }
            task.restore(task.state, now: now)
            task.watermarkMax = .distantFuture
            if let watermark = point.source(task.plan.name)?.watermark { task.raiseWatermark(to: watermark) }
        }
        for task in tasks { try dispatch(task) }
    }

    /// From here on rows are emitted, unless the run is to stop. Requires: what was emitted before has been done again.
    func beginEmission() throws {
        guard let emission, emission.isOpen, !shouldStop else { return }
        try commit?.waitUntilDurable(failure)
        emission.begin()
        try beginCommit(isLast: false, beginsEmission: true)
        try commit?.waitUntilDurable(failure)
        commit = nil
        log.notice("rows are emitted to topic \(emission.topic) from here on")
    }
}
