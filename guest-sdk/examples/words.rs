//! `words`: `Vec` and `String` in a container of a few kilobytes.
//!
//! It takes a text apart, sorts its words, and puts them together again, over and over: what is given back is given
//! out again.

#![no_std]
#![forbid(unsafe_code)]

use alloc::string::String;
use alloc::vec::Vec;
use berth_guest::{Level, Line, log, sleep_ms};

berth_guest::main!(main);
berth_guest::heap!(1536);

const TEXT: &str =
    "every container has a heap of its own and this one is as large as its author chose";

fn main() {
    loop {
        let mut words: Vec<String> = TEXT.split(' ').map(String::from).collect();
        words.sort_unstable();
        words.dedup();
        log(Level::Info, &words.join(" "));
        Line::<16>::new()
            .unsigned(words.len() as u32)
            .text(" words")
            .log(Level::Info);
        sleep_ms(100);
    }
}
