//! Draws the terminal pictures of the documentation: `make pictures`.

#![forbid(unsafe_code)]

use std::fs;

use anstyle_svg::{Term, WIN10_CONSOLE};
use anyhow::{Context, Result};
use berth_pictures::{COLUMNS, folder, run, wrapped};

fn main() -> Result<()> {
    fs::create_dir_all(folder())?;
    for (name, text) in run()? {
        let text = wrapped(&text, COLUMNS);
        let svg = Term::new()
            .min_width_px(0)
            .palette(WIN10_CONSOLE)
            .render_svg(&text);
        let path = folder().join(name).with_extension("svg");
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
