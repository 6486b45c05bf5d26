//! Several words to their places at once: arguments, results, what a branch takes with it.

use crate::encode::{IP, Reg};
use crate::function::Generator;
use crate::words::Word;

/// Words for r0, r1 and so on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moves {
    words: [Word; 4],
    count: usize,
}

impl Moves {
    pub(crate) const fn new() -> Self {
        Self {
            words: [Word::Constant(0); 4],
            count: 0,
        }
    }

    /// The word for the next register; there are four.
    pub(crate) const fn add(&mut self, word: Word) {
        self.words[self.count & 3] = word;
        self.count += 1;
    }
}

impl Generator<'_, '_> {
    /// Carries them out. What comes from registers first, so that none is written before it is read. Uses ip.
    pub(crate) fn carry_out(&mut self, mut moves: Moves) {
        let words = &mut moves.words[..moves.count.min(4)];
        // Which still have to be carried out.
        let mut open = 0u8;
        for (to, word) in words.iter().enumerate() {
            if let Word::Register(from) = *word
                && usize::from(from.0) != to
            {
                open |= 1 << to;
            }
        }
        while open != 0 {
            let free = (0..words.len()).find(|to| {
                open >> to & 1 != 0
                    && !words.iter().enumerate().any(|(other, word)| {
                        open >> other & 1 != 0 && *word == Word::Register(Reg(*to as u8))
                    })
            });
            let to = match free {
                Some(to) => to,
                None => {
                    // A circle: one of its registers is kept in ip.
                    let to = open.trailing_zeros() as usize;
                    let kept = Reg(to as u8);
                    self.code.copy(IP, kept);
                    for word in words.iter_mut() {
                        if *word == Word::Register(kept) {
                            *word = Word::Register(IP);
                        }
                    }
                    to
                }
            };
            self.load_word(Reg(to as u8), words[to]);
            open &= !(1 << to);
        }
        for (to, word) in words.iter().enumerate() {
            if !matches!(word, Word::Register(_)) {
                self.load_word(Reg(to as u8), *word);
            }
        }
    }
}
