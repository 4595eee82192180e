//! Names as platforms have them, the same in each run: what stands at a place follows from the place alone.

const DOMAINS: [&str; 24] = [
    "payment",
    "checkout",
    "ledger",
    "invoice",
    "catalog",
    "search",
    "pricing",
    "stock",
    "order",
    "shipping",
    "customer",
    "identity",
    "session",
    "notification",
    "mail",
    "document",
    "report",
    "audit",
    "feature",
    "partner",
    "loyalty",
    "fraud",
    "settlement",
    "gateway",
];
const PARTS: [&str; 20] = [
    "api", "worker", "web", "admin", "cron", "migrate", "consumer", "producer", "proxy", "cache", "sync", "export",
    "import", "batch", "stream", "bff", "operator", "exporter", "sidecar", "tools",
];
/// Words that few images have: one in a thousand has one of these.
const RARE: [&str; 25] = [
    "zephyr", "quasar", "obsidian", "marmot", "kestrel", "juniper", "halcyon", "glacier", "fjord", "ember", "dynamo",
    "cobalt", "basalt", "aurora", "walrus", "umbra", "tundra", "sirocco", "raven", "onyx", "nimbus", "lynx", "indigo",
    "heron", "falcon",
];

/// Anything in a world, told apart by kind and place: one id each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Workspace = 1,
    Namespace,
    Registry,
    Space,
    Binding,
}

/// A 128-bit id of the form that Fairway gives (version 7), which grows with the place.
pub(super) fn id(kind: Kind, place: usize) -> sea_orm::prelude::Uuid {
    const SHAPE: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;
    sea_orm::prelude::Uuid::from_u128(SHAPE | (kind as u128) << 48 | place as u128)
}

pub(super) fn workspace(place: usize) -> String {
    format!("{}-{place:03}", DOMAINS[place % DOMAINS.len()])
}

/// Cluster and name.
pub(super) fn namespace(place: usize) -> (String, String) {
    let stage = ["dev", "test", "prod"][place % 3];
    (format!("eu-{}", place % 4), format!("{}-{place:04}-{stage}", DOMAINS[place % DOMAINS.len()]))
}

pub(super) fn registry(place: usize) -> String {
    format!("registry-{place:04}.example")
}

pub(super) fn space(place: usize) -> String {
    format!("{}-{place:05}", DOMAINS[mix(place) as usize % DOMAINS.len()])
}

/// The path of an image, unlike any other in its space.
pub(super) fn repository(space: usize, place: usize) -> String {
    let random = mix(space << 24 | place);
    // Neighbours differ in the pair of words, for as long as there are pairs.
    let pair = place + space * 7;
    let (domain, part) = (DOMAINS[pair % DOMAINS.len()], PARTS[pair / DOMAINS.len() % PARTS.len()]);
    let rare =
        if random.is_multiple_of(1_000) { format!("{}-", rare_word(random as usize / 1_000)) } else { String::new() };
    let round = place / (DOMAINS.len() * PARTS.len());
    let again = if round > 0 { format!("-{round}") } else { String::new() };
    format!("team-{:02}/{rare}{domain}-{part}{again}", random >> 32 & 63)
}

/// A word that hardly any image has.
pub(super) fn rare_word(n: usize) -> &'static str {
    RARE[n % RARE.len()]
}

/// A word that one image in twenty has.
pub(super) fn common_word(n: usize) -> &'static str {
    PARTS[n % PARTS.len()]
}

/// A number that looks drawn by lot, and is the same in each run (`SplitMix64`).
pub(super) fn mix(n: usize) -> u64 {
    let mut z = (n as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_images_of_a_space_have_one_path() {
        for space in [0, 1, 19_999] {
            let paths: HashSet<String> = (0..2_000).map(|place| repository(space, place)).collect();
            assert_eq!(paths.len(), 2_000);
        }
    }

    #[test]
    fn one_image_in_a_thousand_has_a_rare_word() {
        let paths = (0..200).flat_map(|space| (0..500).map(move |place| repository(space, place)));
        let n_rare = paths.filter(|path| RARE.iter().any(|word| path.contains(word))).count();
        assert!((60..140).contains(&n_rare), "{n_rare} of 100,000");
    }
}
