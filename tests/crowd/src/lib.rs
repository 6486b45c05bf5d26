//! A crowd of devices without a board: the supervisor's library on boards in memory, each behind a unix socket, all in one process.
//!
//! ```text
//!   Crowd ── hand (a thread, many devices) ── device: socket ◄──► Supervisor<Fake>
//! ```
//!
//! A device is driven when something comes, and a few times a second for its clock; so a thousand that wait cost little, and what is
//! measured beside them is somebody else's.

#![forbid(unsafe_code)]

pub mod load;

use anyhow::{Context, Result, anyhow};
use berth_protocol::Parameters;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::LocalSet,
    time::timeout,
};
use wasm_supervisor::{fake::Fake, supervisor::Supervisor};

/// Threads that drive devices.
const HANDS: usize = 2;

/// How often a device's clock goes on when nothing comes.
const TICK: Duration = Duration::from_millis(500);

/// How much later a slow one has what comes.
const SLOW: Duration = Duration::from_millis(150);

/// Turns of a supervisor after which it is asked again whether something has come.
const TURNS: usize = 16;

/// How long a device has for a change while the crowd is made.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for ever.
const WAITS: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (loop $a (call $sleep (i64.const 3600000000)) (br $a))))"#;

/// Writes a line each second.
const TALKS: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "one more")
  (func (export "_start")
    (loop $a
      (call $log (i32.const 2) (i32.const 0) (i32.const 8))
      (call $sleep (i64.const 1000000))
      (br $a))))"#;

/// What a device's line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Does {
    /// It passes what both say.
    Pass,
    /// It passes what both say, each a while after it came.
    Slow,
    /// It takes everything, and nothing comes.
    Stall,
    /// It sends text without end.
    Flood,
    /// It sends bytes that mean nothing without end, frames that are none among them.
    Garbage,
}

/// All of them; they end with it.
pub struct Crowd {
    folder: TempDir,
    does: Vec<Arc<AtomicU8>>,
}

impl Crowd {
    /// So many devices, `device-0000` and so on, each with so many containers that run: `container-00` writes a line each second, the others wait.
    ///
    /// # Errors
    /// What the system has not, or a device refuses.
    pub fn new(devices: usize, containers: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let does: Vec<_> = (0..devices)
            .map(|_| Arc::new(AtomicU8::new(Does::Pass as u8)))
            .collect();
        let mut hands: Vec<Vec<(PathBuf, Arc<AtomicU8>)>> = vec![Vec::new(); HANDS];
        for (number, does) in does.iter().enumerate() {
            let path = path(folder.path(), number);
            hands[number % HANDS].push((path, Arc::clone(does)));
        }
        let (ready, made) = std::sync::mpsc::channel();
        for hand in hands {
            let ready = ready.clone();
            thread::Builder::new()
                .name("hand".into())
                .spawn(move || drive(hand, &ready))?;
        }
        for _ in 0..HANDS {
            made.recv().context("a thread of the crowd ended")??;
        }
        let this = Self { folder, does };
        this.fill(containers)?;
        Ok(this)
    }

    /// Names and addresses.
    #[must_use]
    pub fn devices(&self) -> Vec<(String, String)> {
        let number = 0..self.does.len();
        number
            .map(|number| {
                let address = format!("unix:{}", path(self.folder.path(), number).display());
                (format!("device-{number:04}"), address)
            })
            .collect()
    }

    /// Has the line of a device do something else.
    pub fn set(&self, device: usize, does: Does) {
        if let Some(device) = self.does.get(device) {
            device.store(does as u8, Ordering::Relaxed);
        }
    }

    fn fill(&self, containers: usize) -> Result<()> {
        let packed = |text: &str, name: &str| -> Result<Vec<u8>> {
            Ok(berth::prepare(wat::parse_str(text)?, name)
                .map_err(|error| anyhow!("{error}"))?
                .bytes)
        };
        let images: Vec<(String, Vec<u8>)> = (0..containers)
            .map(|number| {
                let name = format!("container-{number:02}");
                let image = packed(if number == 0 { TALKS } else { WAITS }, &name)?;
                Ok((name, image))
            })
            .collect::<Result<_>>()?;
        let devices = self.devices();
        let next = std::sync::atomic::AtomicUsize::new(0);
        thread::scope(|scope| {
            let fillers: Vec<_> = (0..HANDS * 2)
                .map(|_| {
                    scope.spawn(|| {
                        while let Some((name, address)) =
                            devices.get(next.fetch_add(1, Ordering::Relaxed))
                        {
                            fill(address, &images).with_context(|| name.clone())?;
                        }
                        Ok::<_, anyhow::Error>(())
                    })
                })
                .collect();
            for filler in fillers {
                filler
                    .join()
                    .map_err(|_| anyhow!("a thread of the crowd ended"))??;
            }
            Ok(())
        })
    }
}

fn path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number:04}"))
}

/// Stores the images on one device, and starts them.
fn fill(address: &str, images: &[(String, Vec<u8>)]) -> Result<()> {
    let address = address
        .parse()
        .map_err(|error: berth::Error| anyhow!("{error}"))?;
    let (_lock, mut client, _) = berth::connect(&address, PATIENCE)?;
    for (name, image) in images {
        berth::upload(&mut client, name, image, Parameters::default(), |_| {})?;
        berth::start(&mut client, name)?;
    }
    Ok(())
}

/// Drives its devices until the process ends; says first whether they are there.
fn drive(devices: Vec<(PathBuf, Arc<AtomicU8>)>, ready: &std::sync::mpsc::Sender<Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let local = LocalSet::new();
    let begun = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let _entered = runtime.enter();
        for (path, does) in devices {
            let listener = UnixListener::bind(path)?;
            local.spawn_local(live(listener, does));
        }
        drop(_entered);
        Ok(runtime)
    });
    match begun {
        Ok(runtime) => {
            // Nobody hears it who has ended.
            let _ = ready.send(Ok(()));
            runtime.block_on(local.run_until(std::future::pending::<()>()));
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

async fn live(listener: UnixListener, does: Arc<AtomicU8>) {
    let fake = Fake::default();
    let mut supervisor = Supervisor::new(fake.clone());
    let began = Instant::now();
    let mut line: Option<UnixStream> = None;
    let mut heard = [0; 1024];
    loop {
        let Some(stream) = &mut line else {
            if let Ok(accepted) = timeout(TICK, listener.accept()).await {
                line = accepted.ok().map(|(stream, _)| stream);
            }
            turn(&mut supervisor, &fake, began);
            fake.0.output.borrow_mut().clear();
            continue;
        };
        let now = does.load(Ordering::Relaxed);
        let wait = if now == Does::Flood as u8 || now == Does::Garbage as u8 {
            Duration::from_millis(1)
        } else {
            TICK
        };
        match timeout(wait, stream.read(&mut heard)).await {
            Ok(Ok(count)) if count > 0 => {
                if now == Does::Slow as u8 {
                    tokio::time::sleep(SLOW).await;
                }
                if now == Does::Pass as u8 || now == Does::Slow as u8 {
                    fake.0.input.borrow_mut().extend(&heard[..count]);
                }
            }
            Ok(_) => line = None,
            Err(_) => {}
        }
        turn(&mut supervisor, &fake, began);
        let mut said = std::mem::take(&mut *fake.0.output.borrow_mut());
        if now == Does::Stall as u8 {
            said.clear();
        } else if now == Does::Flood as u8 {
            said = b"a line of text that nobody has asked for\r\n".repeat(500);
        } else if now == Does::Garbage as u8 {
            said = (0..20_000_u32)
                .map(|number| (number.wrapping_mul(2_654_435_761) >> 22) as u8 & 0x7f)
                .collect();
        }
        if let Some(stream) = &mut line
            && !said.is_empty()
            && !matches!(
                timeout(TICK, stream.write_all(&said)).await,
                Ok(Ok(())) | Err(_)
            )
        {
            line = None;
        }
    }
}

/// Lets a supervisor do all that there is to do now.
fn turn(supervisor: &mut Supervisor<Fake>, fake: &Fake, began: Instant) {
    for _ in 0..4 {
        fake.0
            .now_us
            .set(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        let before = fake.0.output.borrow().len();
        for _ in 0..TURNS {
            supervisor.poll();
        }
        if fake.0.input.borrow().is_empty() && fake.0.output.borrow().len() == before {
            return;
        }
    }
}
