//! Inputs made from others without a look at the code: what runs everywhere, and fast.

/// Longest input. Bytes.
const INPUT_BYTES_MAX: usize = 4096;

/// Values that limits and lengths are likely to trip over.
const INTERESTING: &[u64] = &[
    0,
    1,
    2,
    3,
    15,
    16,
    17,
    63,
    64,
    127,
    128,
    129,
    255,
    256,
    1 << 14,
    (1 << 14) - 1,
    1 << 16,
    (1 << 16) - 1,
    1 << 17,
    1 << 27,
    (1 << 27) + 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// A source of numbers that follow from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).expect("64 bits")).expect("64 bits")
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A new input from one or two of these, of which there must be at least one.
pub fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = random.one_of(inputs).clone();
    for _ in 0..=random.below(5) {
        mutate(&mut bytes, inputs, random);
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn mutate(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let upto = at + random.below(bytes.len() - at + 1).min(64);
    match random.below(9) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        2 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        3 => drop(bytes.drain(at..upto)),
        4 => {
            let copied = bytes[at..upto].to_vec();
            let to = random.below(bytes.len() + 1);
            drop(bytes.splice(to..to, copied));
        }
        // A number as postcard writes it, in place of what may be one.
        5 => {
            let number = varint(*random.one_of(INTERESTING));
            let end = bytes.len().min(at + random.below(number.len() + 1));
            drop(bytes.splice(at..end, number));
        }
        // One of fixed width.
        6 => {
            let number = random.one_of(INTERESTING).to_le_bytes();
            let width = *random.one_of(&[1, 2, 4, 8]);
            let end = bytes.len().min(at + width);
            drop(bytes.splice(at..end, number[..width].iter().copied()));
        }
        7 => {
            let other = random.one_of(inputs);
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => bytes.truncate(at),
    }
}

/// A number as postcard writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}
