//! Text from the kernel for people: debug messages and the panic report.

use core::cell::Cell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use crate::capabilities::SetDebugWriterCapability;
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::process::Process;
use crate::processbuffer::ReadableProcessSlice;
use crate::utilities::single_core::kernel_global;

/// Takes debug messages; must not block and must not panic.
///
/// A message comes in pieces; [`end`](Self::end) tells that it is complete, so
/// that an implementation can keep messages whole.
pub trait DebugSink {
    /// A piece of a message.
    fn write(&self, text: &str);
    /// A byte of a message that need not be text.
    fn write_byte(&self, byte: u8) {
        self.write(char::from(byte).encode_utf8(&mut [0; 4]));
    }
    /// The message is complete.
    fn end(&self) {}
    /// Whether the next line of a process's report is to be written now, of one in the background or of another. If not, it is asked
    /// again: a report waits, while a message that does not fit is lost.
    fn has_room_for_line(&self, _of_background: bool) -> bool {
        true
    }
    /// Returns how many bytes would be taken now without losing any; what is not known counts as none.
    fn available_len(&self) -> usize {
        0
    }
}

kernel_global! {
    static SINK: Cell<Option<&'static dyn DebugSink>> = Cell::new(None);
}

/// Send debug messages to `sink` from now on; until then they are dropped.
pub fn set_debug_sink(sink: &'static dyn DebugSink, _capability: &dyn SetDebugWriterCapability) {
    SINK.with(|cell| cell.set(Some(sink)));
}

/// Write one message; what [`debug!`](crate::debug!) expands to.
pub fn message(arguments: fmt::Arguments<'_>) {
    with_writer(|writer| {
        let _ = writer.write_fmt(arguments);
        let _ = writer.write_str("\r\n");
    });
}

/// Write one message of several pieces, e.g. a process's report
/// ([`Process::print_full_process`]).
pub fn with_writer(f: impl FnOnce(&mut dyn Write)) {
    if let Some(sink) = SINK.with(Cell::get) {
        f(&mut Writer(sink));
        sink.end();
    }
}

/// Whether the next line of a report is to be written now ([`DebugSink::has_room_for_line`]).
pub(crate) fn has_room_for_line(of_background: bool) -> bool {
    let sink = SINK.with(Cell::get);
    sink.is_none_or(|sink| sink.has_room_for_line(of_background))
}

/// Write a part of a message that is too long to be written at once; whether more parts follow, which `f` says.
pub(crate) fn part_of_message(f: impl FnOnce(&mut dyn Write) -> bool) -> bool {
    let Some(sink) = SINK.with(Cell::get) else {
        return false;
    };
    let more = f(&mut Writer(sink));
    if !more {
        sink.end();
    }
    more
}

struct Writer(&'static dyn DebugSink);

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text);
        Ok(())
    }
}

/// Writes bytes of a process as one message, as they are, and returns how many were taken: the
/// first ones, as many as [`debug_available_len`] says. What [`debug_process_slice!`](crate::debug_process_slice) expands to.
pub fn debug_slice(slice: &ReadableProcessSlice) -> usize {
    let Some(sink) = SINK.with(Cell::get) else {
        return 0;
    };
    let taken = slice.len().min(sink.available_len());
    for byte in slice.iter().take(taken) {
        sink.write_byte(byte.get());
    }
    sink.end();
    taken
}

/// Returns how many bytes of debug messages there is room for now.
#[must_use]
pub fn debug_available_len() -> usize {
    SINK.with(Cell::get).map_or(0, DebugSink::available_len)
}

/// Write a debug message; arguments as for `format!`.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)*) => {
        $crate::debug::message(core::format_args!($($argument)*))
    };
}

/// Writes a debug message behind the place where it stands; arguments as for `format!`.
#[macro_export]
macro_rules! debug_verbose {
    () => {
        $crate::debug_verbose!("")
    };
    ($format:literal $($argument:tt)*) => {
        $crate::debug::message(core::format_args!(
            "{}:{}: {}",
            core::file!(),
            core::line!(),
            core::format_args!($format $($argument)*)
        ))
    };
}

/// Writes a [`ReadableProcessSlice`] as a debug message and
/// returns how many of its bytes were taken.
#[macro_export]
macro_rules! debug_process_slice {
    ($slice:expr $(,)?) => {
        $crate::debug::debug_slice($slice)
    };
}

/// First part of a panic report: what happened where.
pub fn panic_banner(writer: &mut dyn Write, info: &PanicInfo) {
    let _ = write!(writer, "\r\n\nKernel panic: {}\r\n", info.message());
    if let Some(place) = info.location() {
        let _ = write!(writer, " at {}:{}\r\n", place.file(), place.line());
    }
}

/// Second part of a panic report: the processor.
pub fn panic_cpu_state<C: Chip>(chip: Option<&C>, writer: &mut dyn Write) {
    // SAFETY: called at a panic only, as its name says; nothing runs afterwards.
    #[allow(unsafe_code)]
    unsafe {
        C::print_state(chip, writer);
    }
}

/// Third part of a panic report: all processes.
pub fn panic_process_info(kernel: &Kernel, writer: &mut dyn Write) {
    for process in kernel.processes() {
        process.print_full_process(writer);
    }
}

/// The whole report, for a board's panic handler.
pub fn panic_print<C: Chip>(
    writer: &mut dyn Write,
    info: &PanicInfo,
    chip: Option<&C>,
    kernel: Option<&Kernel>,
) {
    panic_banner(writer, info);
    panic_cpu_state(chip, writer);
    if let Some(kernel) = kernel {
        panic_process_info(kernel, writer);
    }
}

/// A process's report as debug messages, and its name and `outcome` behind. It is printed a few
/// lines at a time, when the process would run.
pub fn process_report(process: &dyn Process, outcome: &'static str) {
    process.request_report(outcome);
}
