//! A bit of everything that compilers translate differently at each level of optimisation.
#![no_std]
#![crate_type = "cdylib"]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

struct Random(u32);

impl Iterator for Random {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        Some(self.0)
    }
}

#[derive(Clone, Copy)]
enum Node {
    Leaf(i32),
    Both(u8, u8),
    Scaled(u8, i64),
    Missing(Option<u16>),
}

/// Looks a tree through that stands in an array.
fn tree(nodes: &[Node], at: usize, depth: u32) -> Result<i64, u32> {
    if depth == 0 {
        return Err(at as u32);
    }
    Ok(match nodes[at % nodes.len()] {
        Node::Leaf(value) => i64::from(value),
        Node::Both(left, right) => tree(nodes, left.into(), depth - 1)
            .unwrap_or(1)
            .wrapping_sub(tree(nodes, right.into(), depth - 1).unwrap_or_else(i64::from)),
        Node::Scaled(of, by) => tree(nodes, of.into(), depth - 1)?.wrapping_mul(by),
        Node::Missing(some) => some.map_or(-1, i64::from),
    })
}

fn text(numbers: &[u32], buffer: &mut [u8; 256]) -> usize {
    let mut at = 0;
    for number in numbers {
        let mut digits = [0; 10];
        let mut count = 0;
        let mut left = *number;
        loop {
            digits[count] = b'0' + (left % 10) as u8;
            left /= 10;
            count += 1;
            if left == 0 {
                break;
            }
        }
        for digit in digits[..count].iter().rev().chain(b" ") {
            if let Some(place) = buffer.get_mut(at) {
                *place = *digit;
                at += 1;
            }
        }
    }
    at
}

#[unsafe(no_mangle)]
pub extern "C" fn run(seed: i32) -> i32 {
    let mut random = Random((seed as u32).wrapping_mul(2_654_435_761) | 1);
    let mut nodes = [Node::Leaf(0); 64];
    for node in &mut nodes {
        let (kind, some) = (random.next().unwrap_or(0), random.next().unwrap_or(0));
        *node = match kind % 5 {
            0 => Node::Leaf(some as i32),
            1 | 2 => Node::Both(some as u8, (some >> 8) as u8),
            3 => Node::Scaled(some as u8, i64::from(some as i32) << (kind & 15)),
            _ => Node::Missing((some & 1 == 0).then_some(some as u16)),
        };
    }
    let mut sum = (0..8).fold(0i64, |sum, at| {
        sum.rotate_left(9) ^ tree(&nodes, at, 12).unwrap_or(i64::MIN + at as i64)
    });
    let mut numbers = [0; 40];
    for (number, made) in numbers.iter_mut().zip(&mut random) {
        *number = made >> (made & 31);
    }
    numbers.sort_unstable();
    let mut buffer = [0; 256];
    let length = text(&numbers, &mut buffer);
    for byte in &buffer[..length] {
        sum = sum.wrapping_mul(31).wrapping_add(i64::from(*byte));
    }
    let mean = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / numbers.len() as f64;
    let near = numbers.iter().filter(|n| (f64::from(**n) - mean).abs() < mean / 2.0).count();
    let largest = numbers.iter().map(|n| *n as f32).fold(f32::MIN, f32::max);
    sum ^= i64::from(largest.to_bits()) << 16;
    sum = sum.wrapping_add(sum.checked_div(near as i64).unwrap_or(7));
    (sum ^ (sum >> 32)) as i32
}
