//! What happens, told to a broker: MQTT 3.1.1, for whoever listens there already.
//!
//! ```text
//!   Watch of each device ──(twice a second: what is new?)──► publisher ──(bounded queue)──► connection ──► broker
//!     seen, events, logs                                        ▲                              │
//!                                                               └── a new connection: all anew ┘
//! ```
//!
//! What is so (devices, containers) is retained; what happened (events, lines) is not. Everything is sent with quality of
//! service 1, so it may arrive twice: events and lines have the number of their log and their own in it. While the broker
//! is away, a device's last events and what its logs hold wait; what is so is told anew.

use crate::{
    Error, Lines, Standing,
    lines::Known,
    tls,
    watch::{Item, Place},
    web::Device,
};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
    TlsConfiguration, Transport,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, watch};

/// Between two looks for what is new.
const LOOK: Duration = Duration::from_millis(500);

/// Messages that wait for the connection; who publishes waits for the broker then.
const WAITING_MAX: usize = 256;

/// The largest message, in bytes. A device with all that it tells has some kilobytes.
const MESSAGE_MAX: usize = 256 * 1024;

/// Until the broker is looked for again, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A broker that is silent for so long is not there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long the last word may take when the gateway ends.
const LAST: Duration = Duration::from_secs(2);

/// Where brokers listen without and with TLS.
const PORT: u16 = 1883;
const PORT_TLS: u16 = 8883;

/// A broker, and what it is told.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    options: MqttOptions,
    /// Before each topic.
    prefix: String,
    /// Does it get what containers write?
    logs: bool,
}

/// How the operator names it.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`.
    pub(crate) url: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    /// Certificates in PEM that its own is looked up in; those of the system without.
    pub(crate) certificates: Option<&'a Path>,
    pub(crate) prefix: &'a str,
    pub(crate) logs: bool,
}

impl Broker {
    /// Reads what the operator wants; nothing is opened yet.
    ///
    /// # Errors
    /// [`Error::Usage`] if it makes no sense, [`Error::File`] and [`Error::Certificate`] for the certificates.
    pub(crate) fn of(wanted: &Wanted<'_>) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Usage(format!("--mqtt {}: {why}", wanted.url));
        let (tls, place) = match wanted.url.split_once("://") {
            Some(("mqtt", place)) => (false, place),
            Some(("mqtts", place)) => (true, place),
            _ => return Err(wrong("a broker is mqtt://HOST:PORT or mqtts://HOST:PORT")),
        };
        if place.contains('@') {
            return Err(wrong(
                "name and password stand in --mqtt-user and BERTH_MQTT_PASSWORD, where no list of processes shows them",
            ));
        }
        let authority: axum::http::uri::Authority = place
            .trim_end_matches('/')
            .parse()
            .ok()
            .filter(|_| !place.trim_end_matches('/').contains('/'))
            .ok_or_else(|| wrong("after :// comes HOST or HOST:PORT, and nothing else"))?;
        let (host, port) = (authority.host(), authority.as_str().rsplit_once(':'));
        let port = match port.filter(|(before, _)| *before == host) {
            Some((_, port)) => port
                .parse()
                .map_err(|_| wrong("the port is a number up to 65535"))?,
            None if tls => PORT_TLS,
            None => PORT,
        };
        let host = host.trim_matches(['[', ']']);
        let prefix = wanted.prefix.trim_end_matches('/');
        if prefix.is_empty() || prefix.contains(['+', '#', '\0']) || prefix.starts_with('$') {
            return Err(Error::Usage(format!(
                "--mqtt-prefix {:?}: a topic has at least one character and no +, # or leading $",
                wanted.prefix
            )));
        }
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|error| Error::System(error.to_string()))?;
        let mut options =
            MqttOptions::new(format!("berth-{}", berth::hexadecimal(&number)), host, port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MESSAGE_MAX, MESSAGE_MAX);
        options.set_last_will(LastWill::new(
            gateway_topic(prefix),
            OFFLINE,
            QoS::AtLeastOnce,
            true,
        ));
        if let Some(user) = wanted.user {
            options.set_credentials(user, wanted.password.unwrap_or_default());
        }
        if tls {
            let trusted = wanted
                .certificates
                .map_or(tls::Trust::System, tls::Trust::File);
            let config = tls::trust(trusted, "--mqtt-certificate")?;
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
                Arc::new(config),
            )));
        } else if wanted.certificates.is_some() {
            return Err(wrong("certificates are for mqtts://"));
        }
        Ok(Self {
            options,
            prefix: prefix.to_owned(),
            logs: wanted.logs,
        })
    }
}

const ONLINE: &str = "online";
const OFFLINE: &str = "offline";

fn gateway_topic(prefix: &str) -> String {
    format!("{prefix}/gateway")
}

/// Tells the broker until the gateway ends.
pub(crate) async fn run(broker: Broker, lines: Arc<Lines>, mut ends: watch::Receiver<bool>) {
    let (client, connection) = AsyncClient::new(broker.options, WAITING_MAX);
    let (connections, connected) = watch::channel(0);
    let connection = tokio::spawn(connect(connection, connections));
    let mut publisher = Publisher {
        client: client.clone(),
        prefix: broker.prefix,
        logs: broker.logs,
        connected,
        connection: 0,
        feeds: BTreeMap::new(),
    };
    tokio::select! {
        () = publisher.publish_for_ever(&lines) => {}
        _ = ends.wait_for(|ends| *ends) => {}
    }
    let last = async {
        let topic = gateway_topic(&publisher.prefix);
        // Who does not hear it hears the last will.
        let _ = client.publish(topic, QoS::AtLeastOnce, true, OFFLINE).await;
        let _ = client.disconnect().await;
        let _ = connection.await;
    };
    let _ = tokio::time::timeout(LAST, last).await;
}

/// A container's name as one level of a topic. A device that lies about it names no other topic, and none that brokers take for an
/// error.
fn level(name: &str) -> String {
    if berth_protocol::is_valid_name(name) {
        return name.to_owned();
    }
    let is_kept = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
    let kept = name
        .chars()
        .map(|letter| if is_kept(&letter) { letter } else { '_' });
    // No container that may be so called begins with it.
    std::iter::once('_').chain(kept).collect()
}

/// Keeps a connection, and counts them.
async fn connect(mut connection: EventLoop, connections: watch::Sender<u64>) {
    let mut look_again = LOOK_AGAIN.0;
    let mut told = false;
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                look_again = LOOK_AGAIN.0;
                if std::mem::take(&mut told) {
                    eprintln!("note: the broker is there again");
                }
                connections.send_modify(|count| *count += 1);
            }
            // The last word is said.
            Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(ConnectionError::RequestsDone) => {
                return;
            }
            Ok(_) => {}
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!(
                        "note: the broker is away: {error}; it is looked for again, and what happens meanwhile waits"
                    );
                }
                tokio::time::sleep(look_again).await;
                look_again = (look_again * 2).min(LOOK_AGAIN.1);
            }
        }
    }
}

/// The connection's end of the queue is gone.
struct Ended;

/// What the broker knows of one device.
#[derive(Default)]
struct Feed {
    /// What was told last: is it there, and when it was looked at.
    told: Option<(&'static str, Option<Instant>)>,
    /// Its retained topics.
    topics: BTreeSet<String>,
    events: Place,
    logs: BTreeMap<String, broadcast::Receiver<Arc<Item>>>,
}

struct Publisher {
    client: AsyncClient,
    prefix: String,
    logs: bool,
    connected: watch::Receiver<u64>,
    /// The connection over which everything was told.
    connection: u64,
    feeds: BTreeMap<String, Feed>,
}

impl Publisher {
    async fn publish_for_ever(&mut self, lines: &Lines) {
        loop {
            let connection = *self.connected.borrow();
            // Before the first one nothing waits.
            if connection > 0 && self.publish_what_is_new(connection, lines).await.is_err() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn publish_what_is_new(&mut self, connection: u64, lines: &Lines) -> Result<(), Ended> {
        if std::mem::replace(&mut self.connection, connection) != connection {
            self.tell(gateway_topic(&self.prefix), true, ONLINE.into())
                .await?;
            for feed in self.feeds.values_mut() {
                feed.told = None;
            }
        }
        let mut feeds = std::mem::take(&mut self.feeds);
        let mut done = Ok(());
        for known in lines.all() {
            let mut feed = feeds.remove(&known.device.name).unwrap_or_default();
            if done.is_ok() {
                done = self.device(&known, &mut feed).await;
            }
            self.feeds.insert(known.device.name.clone(), feed);
        }
        // Devices that were taken out of the gateway.
        for topic in feeds.into_values().flat_map(|feed| feed.topics) {
            self.tell(topic, true, Vec::new()).await?;
        }
        done
    }

    async fn device(&self, known: &Known, feed: &mut Feed) -> Result<(), Ended> {
        let base = format!("{}/devices/{}", self.prefix, known.device.name);
        let seen = known.line.seen();
        let state = match known.line.standing() {
            // Its own gateway tells of it, and what is retained is as that one tells it.
            Standing::Elsewhere { .. } => {
                *feed = Feed::default();
                return Ok(());
            }
            Standing::Looking => "looking",
            Standing::Here(_) => "here",
            Standing::Away { .. } => "away",
        };
        let now = (state, seen.as_ref().map(|seen| seen.at));
        if feed.told != Some(now) {
            let mut topics = BTreeSet::new();
            self.retain(&mut topics, base.clone(), &Device::of(known))
                .await?;
            if let Some(seen) = &seen {
                if let Some(status) = &seen.status {
                    self.retain(&mut topics, format!("{base}/status"), status)
                        .await?;
                }
                for container in &seen.containers {
                    let topic = format!("{base}/containers/{}", level(&container.name));
                    self.retain(&mut topics, topic, container).await?;
                }
            }
            let gone: Vec<_> = feed.topics.difference(&topics).cloned().collect();
            for topic in gone {
                self.tell(topic, true, Vec::new()).await?;
            }
            feed.topics = topics;
            feed.told = Some(now);
        }
        for event in known.line.watch().events_from(feed.events) {
            self.tell(format!("{base}/events"), false, json(&*event))
                .await?;
            feed.events = Place::after(&event);
        }
        if self.logs {
            let names = seen.iter().flat_map(|seen| &seen.containers);
            let names: BTreeSet<_> = names.map(|container| container.name.to_string()).collect();
            self.lines(known, &base, names, feed).await?;
        }
        Ok(())
    }

    async fn lines(
        &self,
        known: &Known,
        base: &str,
        names: BTreeSet<String>,
        feed: &mut Feed,
    ) -> Result<(), Ended> {
        feed.logs.retain(|name, _| names.contains(name));
        for name in names {
            let lines = feed.logs.entry(name.clone()).or_insert_with(|| {
                let (_, lines) = known.line.watch().follow_log(&name, Place::default());
                known.line.wake();
                lines
            });
            loop {
                match lines.try_recv() {
                    Ok(line) => {
                        let topic = format!("{base}/containers/{}/log", level(&name));
                        self.tell(topic, false, json(&*line)).await?;
                    }
                    // The numbers of the lines show what is missing.
                    Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                    Err(_) => break,
                }
            }
        }
        Ok(())
    }

    async fn retain(
        &self,
        topics: &mut BTreeSet<String>,
        topic: String,
        what: &impl Serialize,
    ) -> Result<(), Ended> {
        self.tell(topic.clone(), true, json(what)).await?;
        topics.insert(topic);
        Ok(())
    }

    async fn tell(&self, topic: String, retained: bool, payload: Vec<u8>) -> Result<(), Ended> {
        let told = self
            .client
            .publish(topic, QoS::AtLeastOnce, retained, payload);
        told.await.map_err(|_| Ended)
    }
}

/// What the API answers with, too.
fn json(what: &impl Serialize) -> Vec<u8> {
    // These are structures of numbers and texts, which always can be.
    serde_json::to_vec(what).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(url: &str, user: Option<&str>, prefix: &str) -> Result<Broker, String> {
        Broker::of(&Wanted {
            url,
            user,
            password: None,
            certificates: None,
            prefix,
            logs: false,
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_one_level_of_a_topic_whatever_a_device_says() {
        for (name, topic) in [
            ("blink-2.0_a", "blink-2.0_a"),
            ("a/+/#/log", "_a_____log"),
            ("#", "__"),
            ("", "_"),
            ("$SYS\0", "__SYS_"),
            ("ä", "__"),
        ] {
            assert_eq!(level(name), topic, "{name:?}");
            assert!(rumqttc::valid_topic(&level(name)));
        }
    }

    #[test]
    fn a_broker_is_named_by_scheme_host_and_port() {
        let place = |url| broker(url, None, "berth").unwrap().options.broker_address();
        assert_eq!(place("mqtt://hub"), ("hub".into(), 1883));
        assert_eq!(place("mqtt://10.0.0.1:11883/"), ("10.0.0.1".into(), 11883));
        assert_eq!(place("mqtt://[::1]:4"), ("::1".into(), 4));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for url in [
            "hub",
            "http://hub",
            "mqtt://",
            "mqtt://a:b:c",
            "mqtt://hub:70000",
            "mqtt://hub/topic",
        ] {
            let said = broker(url, None, "berth").unwrap_err();
            assert!(said.contains(url), "{said}");
        }
        let said = broker("mqtt://user:secret@hub", None, "berth").unwrap_err();
        assert!(said.contains("BERTH_MQTT_PASSWORD"), "{said}");
        for prefix in ["", "/", "a/#", "+", "$SYS"] {
            assert!(broker("mqtt://hub", None, prefix).is_err(), "{prefix:?}");
        }
    }
}
