//! Tables for people: columns, no lines.

use berth_pack::printable;
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

/// A table that leaves out columns where there is no room for all.
pub struct Columns {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    numbers: Vec<&'static str>,
}

impl Columns {
    /// An empty one; the columns of `numbers` stand on the right.
    #[must_use]
    pub fn new(header: &[&'static str], numbers: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
            numbers: numbers.to_vec(),
        }
    }

    /// One more line.
    pub fn add_row<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.into());
    }

    /// Leaves out a column.
    pub fn remove(&mut self, name: &str) {
        if let Some(index) = self.header.iter().position(|have| *have == name) {
            self.header.remove(index);
            for row in &mut self.rows {
                row.remove(index);
            }
        }
    }

    /// Print it in at most `width` columns of characters: of the columns that `less` names, the last ones go until
    /// the others fit.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(
        mut self,
        out: &mut impl Write,
        width: Option<usize>,
        less: &[&str],
    ) -> io::Result<()> {
        for name in less.iter().rev() {
            if width.is_none_or(|width| self.width() <= width) {
                break;
            }
            self.remove(name);
        }
        let mut table = plain(&self.header);
        for row in self.rows {
            table.add_row(row);
        }
        for (index, name) in self.header.iter().enumerate() {
            if self.numbers.contains(name) {
                right_align(&mut table, index..index + 1);
            }
        }
        print_table(out, &table)
    }

    /// Characters of its longest line: two blanks between columns.
    fn width(&self) -> usize {
        let longest = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let cells = cells.map(|cell| cell.chars().count());
            let header = self.header.get(index).map_or(0, |name| name.len());
            cells.fold(header, usize::max)
        };
        (0..self.header.len()).map(longest).sum::<usize>() + 2 * self.header.len().saturating_sub(1)
    }
}

/// Print it without the blanks at both ends of each line.
///
/// # Errors
/// Those of `out`.
pub fn print_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.lines() {
        let line = line.strip_prefix(' ').unwrap_or(&line);
        writeln!(out, "{}", printable(line.trim_end()))?;
    }
    Ok(())
}
