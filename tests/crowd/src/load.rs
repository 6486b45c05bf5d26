//! A gateway with a crowd behind it: how long it takes to see all, to answer, to roll something out, and what it costs.

use crate::{Crowd, Does, WAITS};
use anyhow::{Context, Result, ensure};
use berth_gateway::{By, Role, Scope, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest wait for something that comes.
const PATIENCE: Duration = Duration::from_secs(180);

/// A version of the last container that waits, too, for the roll-out.
const NEXT: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (loop $a (call $sleep (i64.const 3500000000)) (br $a))))"#;

/// How long requests took, one after the other.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Times {
    /// Half of them no longer.
    pub half: Duration,
    /// 99 of a hundred no longer.
    pub p99: Duration,
}

/// What came of it, by the host's clock.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Load {
    /// From the gateway's start until it had seen all devices with all containers.
    pub see_all: Duration,
    /// `GET /v1/devices`.
    pub list: Times,
    /// Bytes of memory that the gateway had then.
    pub memory: u64,
    /// The same of `GET /v1/devices` while logs were followed.
    pub list_followed: Times,
    /// Lines that all followers together had in [`FOLLOWED`].
    pub lines: usize,
    /// Requests to a device.
    pub good: Times,
    /// The same while one other stalled, one flooded and one sent garbage.
    pub good_beside: Times,
    /// From the roll-out's begin to its end, in four stages that are watched for a second each.
    pub rollout: Duration,
    /// Bytes of memory that the gateway had at most.
    pub memory_most: u64,
}

/// How long logs are followed.
pub const FOLLOWED: Duration = Duration::from_secs(5);

/// How much of what is done.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Devices, at least four.
    pub devices: usize,
    /// Containers of each, at least two.
    pub containers: usize,
    /// Logs that are followed at once.
    pub streams: usize,
    /// Requests of each figure.
    pub requests: usize,
}

struct Gateway {
    child: Child,
    _state: TempDir,
    http: ureq::Agent,
    address: String,
    key: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gateway {
    fn start(program: &Path, crowd: &Crowd) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let state = State::open(folder.path())?;
        for (name, address) in crowd.devices() {
            state.add_device(&name, &address, &["crowd".to_owned()], false, By::COMMAND)?;
        }
        let key = state.add_key("load", Role::Admin, &Scope::default(), By::COMMAND)?;
        drop(state);
        // As a shell has it that gives less than a crowd needs.
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -Sn 64; exec \"$@\"", "sh"])
            .arg(program)
            .arg("--state")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0", "--rate", "1000000"])
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: run `make build`", program.display()))?;
        let said = child.stdout.take().context("it says nothing")?;
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("listening at http://")?;
            Some(address.to_owned())
        });
        Ok(Self {
            child,
            _state: folder,
            http: ureq::Agent::config_builder()
                .proxy(None)
                .build()
                .new_agent(),
            address: address.context("the gateway does not listen")?,
            key,
        })
    }

    fn get(&self, path: &str) -> Result<Value> {
        let address = format!("http://{}{path}", self.address);
        let bearer = format!("Bearer {}", self.key);
        let mut answer = self
            .http
            .get(address)
            .header("Authorization", bearer)
            .call()?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }

    fn put(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Value> {
        let address = format!("http://{}{path}", self.address);
        let request = match method {
            "PUT" => self.http.put(address),
            _ => self.http.post(address),
        };
        let bearer = format!("Bearer {}", self.key);
        let request = request
            .header("Authorization", bearer)
            .header("Content-Type", kind);
        let text = request.send(body)?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until all devices with all their containers are seen.
    fn see_all(&self, devices: usize, containers: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let seen = self.get("/v1/devices")?;
            let seen = seen.as_array().into_iter().flatten().filter(|device| {
                device["state"] == "here" && device["seen"]["active"] == containers
            });
            if seen.count() == devices {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "not all devices are seen");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The times of so many requests.
    fn times(&self, path: &str, requests: usize) -> Result<Times> {
        let mut times = Vec::new();
        for _ in 0..requests {
            let began = Instant::now();
            self.get(path)?;
            times.push(began.elapsed());
        }
        times.sort();
        let at = |percent| {
            let time = times.get(requests * percent / 100);
            time.copied().context("no requests")
        };
        Ok(Times {
            half: at(50)?,
            p99: at(99)?,
        })
    }

    /// Bytes of memory that the process has now (`VmRSS`), or had at most (`VmHWM`).
    fn memory(&self, which: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no figure of its memory")?.parse::<u64>()? * 1024)
    }

    /// Follows logs of that many devices at once; returns how many lines came, and how long the list took meanwhile.
    fn follow(&self, crowd: &Crowd, size: Size) -> Result<(usize, Times)> {
        let lines = AtomicUsize::new(0);
        let until = Instant::now() + FOLLOWED;
        thread::scope(|scope| {
            let followers: Vec<_> = crowd
                .devices()
                .into_iter()
                .cycle()
                .take(size.streams)
                .map(|(device, _)| {
                    let lines = &lines;
                    scope.spawn(move || -> Result<()> {
                        let mut stream = TcpStream::connect(&self.address)?;
                        stream.set_read_timeout(Some(PATIENCE))?;
                        write!(
                            stream,
                            "GET /v1/devices/{device}/containers/container-00/logs/stream HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
                            self.address, self.key
                        )?;
                        let mut mine = 0;
                        let mut said = String::new();
                        for line in BufReader::new(stream).lines() {
                            let line = line?;
                            if said.is_empty() {
                                said.clone_from(&line);
                            }
                            if line.starts_with("event: line") {
                                lines.fetch_add(1, Ordering::Relaxed);
                                mine += 1;
                            }
                            if mine > 0 && Instant::now() >= until {
                                return Ok(());
                            }
                        }
                        ensure!(false, "a log of {device} ended: {said}");
                        Ok(())
                    })
                })
                .collect();
            let times = self.times("/v1/devices", size.requests)?;
            for follower in followers {
                follower
                    .join()
                    .map_err(|_| anyhow::anyhow!("a follower ended"))??;
            }
            Ok((lines.load(Ordering::Relaxed), times))
        })
    }

    /// Rolls a container out to all devices that is in none of their sets yet; returns how long that of its next version took.
    fn roll_out(&self, size: Size) -> Result<Duration> {
        // What is there already, with this very image, becomes the set's.
        self.roll_out_one(size, WAITS, &[])?;
        self.roll_out_one(size, NEXT, &["1", "5%", "25%"])
    }

    fn roll_out_one(&self, size: Size, text: &str, stages: &[&str]) -> Result<Duration> {
        let name = format!("container-{:02}", size.containers - 1);
        let image = wat::parse_str(text)?;
        let kept = self.put(
            "POST",
            &format!("/v1/images?name={name}"),
            "application/wasm",
            &image,
        )?;
        let set = json!({
            "groups": ["crowd"],
            "containers": { name: { "sha256": kept["sha256"] } },
            "rollout": { "stages": stages, "watch_s": 1, "failures_max": 0 },
        });
        let began = Instant::now();
        let applied = self.put(
            "PUT",
            "/v1/fleet/sets/crowd",
            "application/json",
            set.to_string().as_bytes(),
        )?;
        let path = format!("/v1/fleet/rollouts/{}", applied["rollout"]);
        loop {
            let report = self.get(&path)?;
            let good = report["devices"].as_array().into_iter().flatten();
            let good = good.filter(|device| device["state"] == "good").count();
            match report["state"].as_str() {
                Some("done") => {
                    ensure!(good == size.devices, "{good} of {} have it", size.devices);
                    return Ok(began.elapsed());
                }
                Some("running") if began.elapsed() < PATIENCE => {}
                state => anyhow::bail!("the roll-out is {state:?}: {}", report["why"]),
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Has the program `berth-serve` look after one device with so many containers, each of whose answers takes its time.
///
/// # Errors
/// What the system has not; if the device is not seen.
pub fn see_slow(program: &Path, containers: usize) -> Result<()> {
    let crowd = Crowd::new(1, containers)?;
    crowd.set(0, Does::Slow);
    Gateway::start(program, &crowd)?.see_all(1, containers)
}

/// Has the program `berth-serve` look after a crowd of that size.
///
/// # Errors
/// What the system has not; what a gateway or a device refuses.
pub fn measure(program: &Path, size: Size) -> Result<Load> {
    berth_gateway::take_handles();
    let crowd = Crowd::new(size.devices, size.containers)?;
    let began = Instant::now();
    let gateway = Gateway::start(program, &crowd)?;
    gateway.see_all(size.devices, size.containers)?;
    let see_all = began.elapsed();
    let list = gateway.times("/v1/devices", size.requests)?;
    let memory = gateway.memory("VmRSS")?;
    let (lines, list_followed) = gateway.follow(&crowd, size)?;
    let good = "/v1/devices/device-0003/heap";
    let alone = gateway.times(good, size.requests)?;
    for (device, does) in [Does::Stall, Does::Flood, Does::Garbage]
        .into_iter()
        .enumerate()
    {
        crowd.set(device, does);
    }
    let beside = gateway.times(good, size.requests)?;
    for device in 0..3 {
        crowd.set(device, Does::Pass);
    }
    loop {
        let devices = gateway.get("/v1/devices")?;
        let mut devices = devices.as_array().into_iter().flatten();
        if devices.all(|device| device["state"] == "here") {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let rollout = gateway.roll_out(size)?;
    Ok(Load {
        see_all,
        list,
        memory,
        list_followed,
        lines,
        good: alone,
        good_beside: beside,
        rollout,
        memory_most: gateway.memory("VmHWM")?,
    })
}
