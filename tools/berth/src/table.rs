//! Tables for people: columns, no lines.

use comfy_table::{CellAlignment, presets::NOTHING};
use std::io::{self, Write};

pub use comfy_table::Table;

/// A table without lines; `header` may be empty.
#[must_use]
pub fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if !header.is_empty() {
        table.set_header(header);
    }
    table
}

/// Numbers stand on the right.
pub fn right_align(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Print it without the blanks at both ends of each line.
///
/// # Errors
/// Those of `out`.
pub fn print_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.lines() {
        let line = line.strip_prefix(' ').unwrap_or(&line);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
