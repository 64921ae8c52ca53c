// Makes negentropy.json: whole exchanges between two sides of the Rust implementation of negentropy, version 1 (crate `negentropy`
// 0.5.3, MIT), frame by frame. To run it: put it as src/main.rs into a package with `negentropy = "=0.5.3"`, then
// `cargo run -q > negentropy.json`.

use negentropy::{Id, Negentropy, NegentropyStorageVector};

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d049bb133111eb);
        mixed ^ (mixed >> 31)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Case {
    name: &'static str,
    items: u64,
    /// Items that share a time.
    together: u64,
    /// Of 1,000 items, how many only one side has.
    apart: u64,
    /// From which item on.
    from: u64,
    limit: u64,
}

fn main() {
    let cases = [
        Case { name: "lists of ids", items: 12, together: 1, apart: 400, from: 0, limit: 0 },
        Case { name: "scattered", items: 300, together: 3, apart: 30, from: 0, limit: 0 },
        Case { name: "one time for all", items: 200, together: 1000, apart: 40, from: 0, limit: 0 },
        Case { name: "the newest", items: 700, together: 2, apart: 900, from: 640, limit: 0 },
        Case { name: "small frames", items: 360, together: 2, apart: 950, from: 60, limit: 4096 },
        Case { name: "one side empty", items: 20, together: 1, apart: 2000, from: 0, limit: 0 },
        Case { name: "the same", items: 100, together: 1, apart: 0, from: 0, limit: 0 },
    ];
    let mut random = Random(20261123);
    let mut written = Vec::new();
    for case in &cases {
        let mut ours = NegentropyStorageVector::new();
        let mut theirs = NegentropyStorageVector::new();
        let mut items = Vec::new();
        for index in 0..case.items {
            let time = 1_700_000_000_000 + index / case.together * 1009;
            let mut bytes = [0u8; 32];
            for word in bytes.chunks_mut(8) {
                word.copy_from_slice(&random.next().to_le_bytes());
            }
            if case.together > case.items {
                // So that bounds need longer prefixes.
                bytes[0] = 7;
            }
            let id = Id::from_byte_array(bytes);
            let apart = index >= case.from && random.next() % 1000 < case.apart;
            let first = random.next() % 2 == 0 || case.apart > 1000;
            if !apart || first {
                ours.insert(time, id).unwrap();
            }
            if !apart || !first {
                theirs.insert(time, id).unwrap();
            }
            let who = if !apart { "both" } else if first { "first" } else { "second" };
            items.push(format!("      \"{time} {} {who}\"", hex(&bytes)));
        }
        ours.seal().unwrap();
        theirs.seal().unwrap();
        let mut client = Negentropy::borrowed(&ours, case.limit).unwrap();
        let mut relay = Negentropy::borrowed(&theirs, case.limit).unwrap();
        let mut have = Vec::new();
        let mut need = Vec::new();
        let mut frames = Vec::new();
        let mut next = Some(client.initiate().unwrap());
        while let Some(frame) = next {
            let answer = relay.reconcile(&frame).unwrap();
            frames.push(format!("      \"{}\"", hex(&frame)));
            frames.push(format!("      \"{}\"", hex(&answer)));
            next = client.reconcile_with_ids(&answer, &mut have, &mut need).unwrap();
        }
        written.push(format!(
            "  {{\n    \"name\": \"{}\",\n    \"limit\": {},\n    \"items\": [\n{}\n    ],\n    \"frames\": [\n{}\n    ],\n    \"have\": {},\n    \"need\": {}\n  }}",
            case.name,
            case.limit,
            items.join(",\n"),
            frames.join(",\n"),
            have.len(),
            need.len()
        ));
    }
    println!("[\n{}\n]", written.join(",\n"));
}
