//! "Did you mean": the known word nearest to the one that somebody typed.

/// Longest word that is compared; what is longer was not mistyped but pasted.
const LONGEST: usize = 100;

/// The candidate that `word` was probably meant to be: at most a third of its letters differ, or it begins with `word`.
///
/// Two neighbouring letters the wrong way round count as one difference. Of equally near ones the first wins.
///
/// ```
/// use pyro::declare::nearest;
/// assert_eq!(nearest("soruces", ["local", "sources"]), Some("sources"));
/// assert_eq!(nearest("debian", ["alpine:3", "debian:12-build"]), Some("debian:12-build"));
/// assert_eq!(nearest("kernel", ["sources"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if typed.is_empty() || typed.len() > LONGEST {
        return None;
    }
    let mut best = None;
    let mut longer = None;
    for candidate in candidates {
        let known: Vec<char> = candidate.chars().collect();
        let distance = distance(&typed, &known);
        let near = distance <= typed.len().max(known.len()).div_ceil(3);
        // A word of one or two letters is near to nearly everything.
        if near && distance < known.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if typed.len() >= 3 && candidate.starts_with(word) && longer.is_none() {
            longer = Some(candidate);
        }
    }
    best.map(|(_, candidate)| candidate).or(longer)
}

/// Insertions, deletions, replacements and swaps of neighbours that make `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut fewest = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                fewest = fewest.min(before_last[j - 1] + 1);
            }
            row.push(fewest);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(a: &str, b: &str) -> usize {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        distance(&letters(a), &letters(b))
    }

    #[test]
    fn distances_count_single_slips() {
        assert_eq!(apart("sources", "sources"), 0);
        assert_eq!(apart("soruces", "sources"), 1);
        assert_eq!(apart("source", "sources"), 1);
        assert_eq!(apart("kitten", "sitting"), 3);
        assert_eq!(apart("", "abc"), 3);
        assert_eq!(apart("abc", ""), 3);
    }

    #[test]
    fn the_nearest_wins_and_nonsense_has_none() {
        let keys = ["platform", "platforms", "packages"];
        assert_eq!(nearest("platfrom", keys), Some("platform"));
        assert_eq!(nearest("platformss", keys), Some("platforms"));
        assert_eq!(nearest("x", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest(&"platforms".repeat(1000), keys), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
