//! Inputs without a fuzzer: seeds, and changes of them that follow from a number.

use berth_random::Random;

use crate::Target;

/// Longest input that is made.
const LENGTH_MAX: usize = 8192;

/// Numbers that are at the edge of something.
const EDGES: [u32; 12] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];

/// Returns the words of a dictionary: what stands in quotes, with `\xNN`, `\\` and `\"` in it.
///
/// # Panics
///
/// If it is not one.
#[must_use]
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let lines = dictionary.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(word).collect()
}

fn word(line: &str) -> Vec<u8> {
    let start = line.find('"').expect("a word in quotes") + 1;
    let quoted = line[start..].strip_suffix('"').expect("a quote at the end");
    let mut bytes = Vec::new();
    let mut rest = quoted.as_bytes();
    loop {
        match rest {
            [] => return bytes,
            [b'\\', b'x', high, low, behind @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                rest = behind;
            }
            [b'\\', byte @ (b'\\' | b'"'), behind @ ..] | [byte, behind @ ..] => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Runs the body of a target on its seeds and on `count` changes of them.
pub fn run(target: &Target, count: u64) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let words = words(target.dictionary);
    for seed in &seeds {
        (target.body)(seed);
    }
    for number in 0..count {
        let input = changed(&seeds, &words, number);
        let guard = Guard(target.name, &input);
        (target.body)(&input);
        std::mem::forget(guard);
    }
    println!(
        "{}: {} seeds, {count} changes of them",
        target.name,
        seeds.len()
    );
}

/// Tells what the input was if the body panics.
struct Guard<'a>(&'static str, &'a [u8]);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("{} does not hold for {hex}", self.0);
    }
}

/// Returns change `number` of one of the seeds.
fn changed(seeds: &[Vec<u8>], words: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let mut input = seeds[random.below(seeds.len() as u64) as usize].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() as u64 + 1) as usize;
        let most = 1 << random.below(8);
        let length = 1 + random.below(most) as usize;
        let end = (at + length).min(input.len());
        match random.below(9) {
            0 | 1 => flip(&mut input, at, &mut random),
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let part = input[at..end].to_vec();
                let to = random.below(input.len() as u64 + 1) as usize;
                input.splice(to..to, part);
            }
            5 => {
                let edge = EDGES[random.below(EDGES.len() as u64) as usize].to_le_bytes();
                let bytes = 1 << random.below(3);
                write(&mut input, at, &edge[..bytes]);
            }
            6 if !words.is_empty() => {
                let word = &words[random.below(words.len() as u64) as usize];
                if random.one_in(2) {
                    write(&mut input, at, word);
                } else {
                    input.splice(at..at, word.iter().copied());
                }
            }
            7 => {
                let other = &seeds[random.below(seeds.len() as u64) as usize];
                let from = random.below(other.len() as u64 + 1) as usize;
                let to = (from + length).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                let bytes = (0..length.min(16)).map(|_| random.number() as u8);
                input.splice(at..at, bytes.collect::<Vec<_>>());
            }
        }
        input.truncate(LENGTH_MAX);
    }
    input
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// Writes `part` over what is at `at`, as far as there is anything.
fn write(input: &mut [u8], at: usize, part: &[u8]) {
    for (place, byte) in input.iter_mut().skip(at).zip(part) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read_as_libfuzzer_reads_it() {
        let text = "# words\n\nhead=\"\\x00asm\"\n\"a\\\"b\\\\\"\n";
        assert_eq!(words(text), [b"\0asm".to_vec(), b"a\"b\\".to_vec()]);
    }

    #[test]
    fn the_same_number_is_the_same_change() {
        let seeds = [b"one".to_vec(), vec![0; 100]];
        for number in 0..1000 {
            let first = changed(&seeds, &[b"word".to_vec()], number);
            assert_eq!(changed(&seeds, &[b"word".to_vec()], number), first);
            assert!(first.len() <= LENGTH_MAX);
        }
    }
}
