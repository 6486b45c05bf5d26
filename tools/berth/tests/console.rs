//! `berth console` and the signals that end it: the terminal is as it was, the line free.

mod support;

use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, Termios, tcgetattr},
};
use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
};
use support::run::{Bench, command, read_until, terminal};

/// A person in front of `berth console`.
struct Person {
    terminal: File,
    /// Keeps the terminal open, as the shell does that the program was called from.
    _shell: File,
    before: Termios,
    console: Child,
}

fn at_the_console(bench: &Bench) -> Person {
    let (mut person, end) = terminal();
    let before = tcgetattr(&end).unwrap();
    let console = command(bench.home())
        .args(["console", "--device", &bench.device.address()])
        .stdin(end.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(end.try_clone().unwrap())
        .spawn()
        .unwrap();
    read_until(&mut person, "Other terminals");
    Person {
        terminal: person,
        _shell: end,
        before,
        console,
    }
}

/// What the terminal does with keys and characters; the rest nobody touches.
fn modes(terminal: &Termios) -> impl PartialEq + std::fmt::Debug {
    (
        terminal.input_modes,
        terminal.output_modes,
        terminal.local_modes,
        terminal.control_modes,
    )
}

#[test]
fn a_signal_that_ends_the_console_leaves_terminal_and_line_as_they_were() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let bench = Bench::new();
        let mut person = at_the_console(&bench);
        let raw = tcgetattr(&person.terminal).unwrap();
        assert!(!raw.local_modes.contains(LocalModes::ECHO));
        assert_ne!(modes(&raw), modes(&person.before));
        kill_process(Pid::from_child(&person.console), signal).unwrap();
        // Whoever called it sees that it was the signal.
        let status = person.console.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
        let after = tcgetattr(&person.terminal).unwrap();
        assert_eq!(modes(&after), modes(&person.before));
        // Neither a socket nor a mark of it is left, and the line is free.
        let left: Vec<_> = std::fs::read_dir(bench.home())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".sock"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        bench.ok(&["info"]);
    }
}
