/// The known name that a misspelt one was most likely meant to be; nil where none is near. The first of equals wins.
public func nearestName(to name: String, among known: some Sequence<String>) -> String? {
    let wanted = Array(name.lowercased().utf8)
    guard wanted.count <= Limits.nameBytesMax else { return nil }
    // A third of the name may be wrong, and one letter of a short one; more and the guess misleads.
    var best: (distance: Int, name: String)?
    for candidate in known where candidate != name {
        let letters = Array(candidate.lowercased().utf8)
        let allowed = max(1, max(wanted.count, letters.count) / 3)
        guard abs(letters.count - wanted.count) <= allowed, letters.count > 1 || wanted == letters else { continue }
        let distance = editDistance(wanted, letters)
        if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.name
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other
/// (optimal string alignment; Boytsov 2011, section 2.1).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforePrevious = [Int]()
    var previous = Array(0...b.count)
    for i in a.indices {
        var current = [i + 1]
        for j in b.indices {
            var distance = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { distance = min(distance, beforePrevious[j - 1] + 1) }
            current.append(distance)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[b.count]
}
