//! Tells when files have been saved.

use crate::Error;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Editors save in several steps: what follows within so long belongs to it.
const SETTLED: Duration = Duration::from_millis(100);

/// Files and folders that are watched for what is saved in them.
pub(crate) struct Watch {
    /// Holds the watching; it ends when dropped.
    _watcher: RecommendedWatcher,
    saved: Receiver<()>,
}

impl Watch {
    /// Watch files, and folders with all that is in them. A file is watched through its folder: editors put a new one in its place.
    ///
    /// # Errors
    /// If one of them is not there.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Self, Error> {
        let failed = |path: &Path, error: notify::Error| Error::File {
            path: path.to_owned(),
            source: match error.kind {
                notify::ErrorKind::Io(error) => error,
                _ => std::io::Error::other(error),
            },
        };
        let resolved: Vec<PathBuf> = paths
            .iter()
            .map(|path| {
                path.canonicalize().map_err(|source| Error::File {
                    path: path.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        let (sender, saved) = channel();
        let wanted = resolved.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| is_save(&event, &wanted)) {
                    // Nobody waits for it any more when the program ends.
                    let _ = sender.send(());
                }
            })
            .map_err(|error| failed(Path::new("."), error))?;
        for path in &resolved {
            let (place, mode) = match path.is_dir() {
                true => (path.as_path(), RecursiveMode::Recursive),
                false => (path.parent().unwrap_or(path), RecursiveMode::NonRecursive),
            };
            watcher
                .watch(place, mode)
                .map_err(|error| failed(path, error))?;
        }
        Ok(Self {
            _watcher: watcher,
            saved,
        })
    }

    /// Has something been saved since this was asked last? Waits until a save is over.
    pub(crate) fn saved(&self) -> bool {
        if self.saved.try_recv().is_err() {
            return false;
        }
        thread::sleep(SETTLED);
        while self.saved.try_recv().is_ok() {}
        true
    }
}

/// Something that changes what is in one of these files or folders.
fn is_save(event: &notify::Event, wanted: &[PathBuf]) -> bool {
    let is_change = !matches!(event.kind, EventKind::Access(_) | EventKind::Other);
    let concerns = |path: &PathBuf| wanted.iter().any(|wanted| path.starts_with(wanted));
    is_change && event.paths.iter().any(concerns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn within_a_while(watch: &Watch) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if watch.saved() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    #[test]
    fn a_save_is_seen_however_an_editor_does_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, code) = (folder.path().join("a.toml"), folder.path().join("src"));
        std::fs::create_dir(&code).unwrap();
        std::fs::write(&file, "1").unwrap();
        let watch = Watch::of(&[file.clone(), code.clone()]).unwrap();
        assert!(!watch.saved());
        // In place, by another file in its place, in a folder that is new.
        std::fs::write(&file, "2").unwrap();
        assert!(within_a_while(&watch));
        std::fs::write(folder.path().join("a.tmp"), "3").unwrap();
        std::fs::rename(folder.path().join("a.tmp"), &file).unwrap();
        assert!(within_a_while(&watch));
        std::fs::create_dir(code.join("deep")).unwrap();
        assert!(within_a_while(&watch));
        std::fs::write(code.join("deep/b.rs"), "4").unwrap();
        assert!(within_a_while(&watch));
    }

    #[test]
    fn to_look_at_a_file_is_no_save_nor_is_what_lies_beside() {
        let event = |kind, path: &str| notify::Event::new(kind).add_path(path.into());
        let wanted = ["/p/src".into(), "/p/Cargo.toml".into()];
        let read = EventKind::Access(notify::event::AccessKind::Any);
        let written = EventKind::Modify(notify::event::ModifyKind::Any);
        assert!(is_save(&event(written, "/p/src/a/b.rs"), &wanted));
        assert!(is_save(&event(written, "/p/Cargo.toml"), &wanted));
        assert!(!is_save(&event(written, "/p/Cargo.lock"), &wanted));
        assert!(!is_save(&event(read, "/p/Cargo.toml"), &wanted));
    }

    #[test]
    fn what_is_not_there_cannot_be_watched() {
        let nowhere = Path::new("/nowhere/at/all");
        assert!(matches!(
            Watch::of(&[nowhere.into()]),
            Err(Error::File { .. })
        ));
    }
}
