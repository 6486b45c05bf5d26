//! A device behind a gateway: each message of the protocol is one HTTP request.
//!
//! ```text
//!   Client ── frames ──► Transport ── POST …/v1/devices/NAME/messages ──► gateway ──► its line
//!   Client ◄── frames ── Transport ◄── the device's answer, or a problem ─────┘
//! ```
//!
//! So everything that berth does over a line it does through a gateway, with the same words and the same answers, and
//! the gateway sees each request and decides who may make it.

use crate::{Error, Transport, mux::hold, transport::READ_TICK};
use berth_pack::printable;
use berth_protocol::{
    Event, FRAME_MAX, FrameDecoder, MESSAGE_MAX, frame_message, is_valid_name, message_id,
};
use serde::Deserialize;
use std::{
    collections::VecDeque,
    fmt,
    io::{self, ErrorKind, Read, Write},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};
use ureq::{
    Agent, Body,
    http::{Response, Uri, header},
    tls::{Certificate, RootCerts, TlsConfig},
};

/// Names the key, so that it stands on no command line.
pub(crate) const KEY: &str = "BERTH_KEY";

/// Names a file with certificates (PEM) that are trusted beside the system's.
pub(crate) const CERTIFICATE: &str = "BERTH_CERTIFICATE";

/// How long a gateway has for one message: longer than it waits for the device.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Most that is waited, and how often, when the gateway says that there were too many requests.
const TOO_OFTEN_MAX: Duration = Duration::from_secs(10);
const TOO_OFTEN_TIMES: u32 = 20;

/// Most bytes of an answer: a message, or why there is none.
const ANSWER_MAX: u64 = 64 << 10;

/// The place of a device behind a gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Scheme, host, port and what stands before the device's name.
    base: String,
    device: String,
    /// From the address; otherwise [`KEY`] has it.
    key: Option<String>,
}

/// Shows no key.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.device)
    }
}

impl Place {
    /// Is this meant as one?
    pub(crate) fn is_meant(text: &str) -> bool {
        text.starts_with("https://") || text.starts_with("http://")
    }

    /// Reads `https://HOST[:PORT]/NAME`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "expected https://HOST/NAME, the device's name as the gateway has it";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(FORM);
        };
        if uri.query().is_some() {
            return Err(FORM);
        }
        let path = uri.path().trim_end_matches('/');
        let (before, device) = path.rsplit_once('/').ok_or(FORM)?;
        if !is_valid_name(device) {
            return Err(FORM);
        }
        let (who, place) = match authority.as_str().rsplit_once('@') {
            Some((who, place)) => (Some(who), place),
            None => (None, authority.as_str()),
        };
        // As in HTTP basic: the password, or the user if there is none.
        let key = who.map(|who| match who.split_once(':') {
            Some((_, key)) if !key.is_empty() => key.to_owned(),
            Some((key, _)) => key.to_owned(),
            None => who.to_owned(),
        });
        if scheme == "http" && !is_loopback(authority.host()) {
            return Err("a key does not cross a network as it is: https:// to another computer");
        }
        Ok(Self {
            base: format!("{scheme}://{place}{before}"),
            device: device.to_owned(),
            key,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Gets ready to talk to a device behind a gateway. Nothing is sent yet.
///
/// # Errors
/// If the certificates cannot be read.
pub(crate) fn open(place: &Place) -> io::Result<Box<dyn Transport>> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT_PATIENCE))
        .timeout_global(Some(PATIENCE))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::from(certificates()?))
                .unversioned_rustls_crypto_provider(Arc::new(
                    rustls::crypto::ring::default_provider(),
                ))
                .build(),
        )
        .build()
        .into();
    let asking = Asking {
        agent,
        url: format!("{}/v1/devices/{}/messages", place.base, place.device),
        key: place.key.clone().or_else(|| std::env::var(KEY).ok()),
        place: place.clone(),
    };
    let (messages, to_send) = mpsc::channel();
    let shared = Arc::new(Shared {
        messages: Mutex::new(Some(messages)),
        asked: Mutex::new(None),
        heard: Mutex::new(Heard::default()),
        came: Condvar::new(),
    });
    let answers = Arc::clone(&shared);
    thread::Builder::new()
        .name("gateway".into())
        .spawn(move || asking.run(&to_send, &answers))?;
    Ok(Box::new(Line::of(shared)))
}

/// The system's certificates, and those of the file that [`CERTIFICATE`] names.
fn certificates() -> io::Result<Vec<Certificate<'static>>> {
    // Those that cannot be read are missed when one of them is needed, and the error says so.
    let mut all: Vec<_> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    if let Some(file) = std::env::var_os(CERTIFICATE).map(PathBuf::from) {
        let wrong = |why: &dyn fmt::Display| {
            io::Error::new(
                ErrorKind::InvalidInput,
                format!("{CERTIFICATE}: {}: {why}", file.display()),
            )
        };
        let text = std::fs::read(&file).map_err(|error| wrong(&error))?;
        let before = all.len();
        for item in ureq::tls::parse_pem(&text) {
            if let ureq::tls::PemItem::Certificate(certificate) =
                item.map_err(|error| wrong(&error))?
            {
                all.push(certificate);
            }
        }
        if all.len() == before {
            return Err(wrong(&"there is no certificate in it"));
        }
    }
    Ok(all)
}

/// What the two handles of a line and the thread that asks have in common.
struct Shared {
    /// `None` when the line has ended.
    messages: Mutex<Option<Sender<Vec<u8>>>>,
    /// Id of the message whose answer is waited for.
    asked: Mutex<Option<u32>>,
    heard: Mutex<Heard>,
    came: Condvar,
}

#[derive(Default)]
struct Heard {
    bytes: VecDeque<u8>,
    /// Why nothing more comes.
    ended: Option<io::Error>,
}

impl Shared {
    fn hear(&self, with: impl FnOnce(&mut Heard)) {
        with(&mut hold(&self.heard));
        self.came.notify_all();
    }
}

/// The line, as berth sees it.
struct Line {
    shared: Arc<Shared>,
    decoder: FrameDecoder,
}

impl Line {
    const fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            decoder: FrameDecoder::new(),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            let Event::Message(message) = self.decoder.push(*byte) else {
                continue;
            };
            // HTTP loses nothing: a repetition asks for what is on its way.
            let mut asked = hold(&self.shared.asked);
            let id = message_id(message);
            if id == *asked {
                continue;
            }
            let messages = hold(&self.shared.messages);
            let sent = messages.as_ref().map(|to| to.send(message.to_vec()));
            if !matches!(sent, Some(Ok(()))) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            *asked = id;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let heard = hold(&self.shared.heard);
        let (mut heard, _) = self
            .shared
            .came
            .wait_timeout_while(heard, READ_TICK, |heard| {
                heard.bytes.is_empty() && heard.ended.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        if heard.bytes.is_empty() {
            return Err(heard.ended.take().unwrap_or(ErrorKind::TimedOut.into()));
        }
        heard.bytes.read(buffer)
    }
}

impl Transport for Line {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(Self::of(Arc::clone(&self.shared))))
    }

    fn shut_down(&self) {
        *hold(&self.shared.messages) = None;
        self.shared.hear(|heard| {
            heard.ended = Some(ErrorKind::UnexpectedEof.into());
        });
    }
}

/// Who asks the gateway.
struct Asking {
    agent: Agent,
    url: String,
    key: Option<String>,
    place: Place,
}

/// What a gateway says when there is no answer of the device (RFC 9457).
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    detail: String,
}

impl Asking {
    fn run(&self, messages: &Receiver<Vec<u8>>, shared: &Shared) {
        while let Ok(message) = messages.recv() {
            let answer = self.ask(&message);
            *hold(&shared.asked) = None;
            let mut buffer = [0; FRAME_MAX];
            let framed = answer.and_then(|answer| {
                frame_message(&answer, &mut buffer)
                    .map_err(|_| self.wrong("its answer is no message of a device"))
            });
            match framed {
                Ok(frame) => shared.hear(|heard| heard.bytes.extend(frame)),
                Err(error) => {
                    shared.hear(|heard| heard.ended = Some(io::Error::other(error)));
                    return;
                }
            }
        }
    }

    fn ask(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut times = 0;
        loop {
            let mut request = self
                .agent
                .post(&self.url)
                .content_type("application/octet-stream");
            if let Some(key) = &self.key {
                request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
            }
            let mut response = request.send(message).map_err(|error| self.failed(error))?;
            if response.status() == 429 && times < TOO_OFTEN_TIMES {
                times += 1;
                thread::sleep(wait(&response));
                continue;
            }
            let body = response
                .body_mut()
                .with_config()
                .limit(ANSWER_MAX)
                .read_to_vec()
                .map_err(|error| self.failed(error))?;
            return match response.status().as_u16() {
                200 if body.len() <= MESSAGE_MAX => Ok(body),
                status => Err(self.refused(status, &body)),
            };
        }
    }

    fn refused(&self, status: u16, body: &[u8]) -> Error {
        let said: Problem = serde_json::from_slice(body).unwrap_or_default();
        let why = match printable(&said.detail) {
            none if none.is_empty() => format!("it answers with HTTP status {status}"),
            why => why,
        };
        match status {
            401 | 403 => Error::Denied(why),
            504 => Error::TimedOut {
                to: "the gateway's request",
                after: PATIENCE,
            },
            _ => self.wrong(&why),
        }
    }

    fn wrong(&self, why: &str) -> Error {
        Error::Gateway {
            place: self.place.to_string(),
            why: why.to_owned(),
        }
    }

    fn failed(&self, error: ureq::Error) -> Error {
        match error {
            // TLS: there is a gateway, and it is not known which.
            ureq::Error::Io(source)
                if source.get_ref().is_some_and(|it| it.is::<rustls::Error>()) =>
            {
                self.wrong(&source.to_string())
            }
            ureq::Error::Io(source) => Error::Open {
                address: crate::Address::Gateway(self.place.clone()),
                source,
            },
            ureq::Error::Timeout(_) => Error::TimedOut {
                to: "the gateway's request",
                after: PATIENCE,
            },
            error => self.wrong(&error.to_string()),
        }
    }
}

/// How long the gateway wants us to wait.
fn wait(response: &Response<Body>) -> Duration {
    let seconds = response.headers().get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(TOO_OFTEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_gateway_and_a_name_and_shows_no_key() {
        for (text, base, device, key) in [
            ("https://gateway/roof", "https://gateway", "roof", None),
            (
                "https://x:secret@gateway:7380/berth/roof/",
                "https://gateway:7380/berth",
                "roof",
                Some("secret"),
            ),
            (
                "https://secret@[2001:db8::1]/a.b",
                "https://[2001:db8::1]",
                "a.b",
                Some("secret"),
            ),
            (
                "http://127.0.0.1:7380/roof",
                "http://127.0.0.1:7380",
                "roof",
                None,
            ),
            ("http://[::1]:80/roof", "http://[::1]:80", "roof", None),
        ] {
            let place = Place::read(text).unwrap();
            assert_eq!((&*place.base, &*place.device), (base, device), "{text}");
            assert_eq!(place.key.as_deref(), key, "{text}");
            assert!(!format!("{place} {place:?}").contains("secret"));
            let again = Place::read(&place.to_string()).unwrap();
            assert_eq!((again.base, again.device), (place.base, place.device));
        }
    }

    #[test]
    fn what_is_none_says_so() {
        for text in [
            "https://",
            "https://gateway",
            "https://gateway/",
            "https://gateway/a b",
            "https://gateway/roof?x=1",
            "https://gateway/.hidden",
            "http://gateway/roof",
            "http://127.0.0.1.evil.example/roof",
        ] {
            assert!(Place::read(text).is_err(), "{text}");
        }
    }
}
