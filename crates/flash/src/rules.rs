//! What flash permits, as functions over the memory that plays it.
//!
//! Beside each word stands how often it was programmed since its page was erased: one
//! byte a word, in a slice of its own.

use crate::{ERASED, FlashError, PROGRAMS_MAX, WORD_BYTES};

/// Check a program of `new` over `old`, whose words were programmed `counts` times.
/// Nothing is changed, so an operation is refused as a whole.
///
/// # Errors
///
/// [`FlashError::Range`] if the slices are not as many whole words,
/// [`FlashError::Rule`] if a bit would be set or a word was programmed too often.
pub fn check_program(old: &[u8], counts: &[u8], new: &[u8]) -> Result<(), FlashError> {
    if old.len() != new.len() || counts.len() * WORD_BYTES != new.len() {
        return Err(FlashError::Range);
    }
    // Word by word: a kernel that emulates a part is kept by this.
    let word = |bytes: &[u8]| {
        let mut word = [0; WORD_BYTES];
        word.copy_from_slice(bytes);
        u32::from_ne_bytes(word)
    };
    let words = old
        .chunks_exact(WORD_BYTES)
        .zip(new.chunks_exact(WORD_BYTES));
    let mut words = words.map(|(old, new)| (word(old), word(new)));
    let sets_a_bit = words.any(|(old, new)| new & !old != 0);
    if sets_a_bit || counts.iter().any(|count| *count >= PROGRAMS_MAX) {
        return Err(FlashError::Rule);
    }
    Ok(())
}

/// Note that words are programmed once more. Before they are: a program that is
/// interrupted counts.
pub fn count_program(counts: &mut [u8]) {
    for count in counts {
        *count = count.saturating_add(1);
    }
}

/// Note that a page cannot be programmed. Before it is erased: an erase that is
/// interrupted must be repeated.
pub fn count_erase(counts: &mut [u8]) {
    counts.fill(PROGRAMS_MAX);
}

/// Erase a page, and let its words be programmed again.
pub fn erase(bytes: &mut [u8], counts: &mut [u8]) {
    bytes.fill(ERASED);
    counts.fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_takes_two_programs_that_clear_bits() {
        let mut counts = [0];
        let old = [ERASED; 4];
        let once = [0x0f, 0xff, 0xff, 0xff];
        assert_eq!(check_program(&old, &counts, &once), Ok(()));
        count_program(&mut counts);
        assert_eq!(check_program(&once, &counts, &[0; 4]), Ok(()));
        let sets = [0x1f, 0, 0, 0];
        assert_eq!(check_program(&once, &counts, &sets), Err(FlashError::Rule));
        count_program(&mut counts);
        assert_eq!(
            check_program(&once, &counts, &[0; 4]),
            Err(FlashError::Rule)
        );
    }

    #[test]
    fn slices_that_do_not_belong_together_are_refused() {
        for (old, counts, new) in [(4, 1, 8), (8, 1, 8), (6, 1, 6), (4, 2, 4)] {
            let (old, counts, new) = (vec![ERASED; old], vec![0; counts], vec![0; new]);
            assert_eq!(check_program(&old, &counts, &new), Err(FlashError::Range));
        }
    }

    #[test]
    fn an_erase_makes_words_programmable_again_and_its_beginning_does_not() {
        let (mut bytes, mut counts) = ([0; 4], [1]);
        count_erase(&mut counts);
        assert!(check_program(&bytes, &counts, &[0; 4]).is_err());
        erase(&mut bytes, &mut counts);
        assert_eq!(check_program(&bytes, &counts, &[0x55; 4]), Ok(()));
    }
}
