//! The listener: TLS, and one task a connection.

use crate::{
    Error, Lines, State, fleet,
    mqtt::{self, Broker},
    state::Leases,
    tls::Certificate,
    web::{self, App, Limits, Network, Peer},
};
use axum::{Router, body::Body};
use berth::session::Operator;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 1024;

/// Of these, one address may have so many: who opens all that he can keeps nobody else out.
const CONNECTIONS_OF_ONE: usize = CONNECTIONS_MAX / 2;

/// How long a client has for the TLS handshake, and for the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(20);

/// How long requests may go on when the gateway ends.
const LAST: Duration = Duration::from_secs(10);

/// Between two looks whether another process has changed the state.
const LOOK: Duration = Duration::from_millis(500);

/// Lets this process have as many files and lines as the system allows: a device takes three, and what a shell gives is often
/// enough for three hundred.
pub fn take_handles() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Who may not has what he had.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// How a gateway listens.
#[derive(Debug)]
pub struct Config {
    /// Where.
    pub listen: SocketAddr,
    /// Names by which it is called, beside addresses and `localhost`.
    pub names: Vec<String>,
    /// Networks that may use WASMICO's API without a key.
    pub trusted: Vec<Network>,
    /// Requests of one key in a second; twice as many at once.
    pub requests_per_second: u32,
    /// How often a device of a fleet is looked at whether it is what it is to be.
    pub check_every: Duration,
    /// Who logs in on devices that have operators.
    pub operator: Option<Operator>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) broker: Option<Broker>,
}

/// A gateway that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// Where other gateways send whoever wants a device of this one.
    public: String,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    app: Arc<App>,
    check_every: Duration,
    broker: Option<Broker>,
}

impl Server {
    /// Listens, and opens the lines of all devices.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::State`], [`Error::System`].
    pub async fn bind(config: Config, state: Arc<State>) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            address: config.listen.to_string(),
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let app = Arc::new(App {
            state,
            lines: Arc::new(Lines::new(config.operator)?),
            names: config.names,
            trusted: config.trusted,
            limits: Limits::new(config.requests_per_second),
            uploads: web::Uploads::default(),
            sessions: web::Sessions::default(),
            secure: config.certificate.is_some(),
        });
        let scheme = if app.secure { "https" } else { "http" };
        let called = app.names.first().map_or_else(
            || address.to_string(),
            |name| format!("{name}:{}", address.port()),
        );
        let following = Arc::clone(&app);
        let public = format!("{scheme}://{called}");
        let told = public.clone();
        let followed = tokio::task::spawn_blocking(move || {
            following.take_devices(&told)?;
            following.follow()
        });
        followed
            .await
            .map_err(|error| Error::System(error.to_string()))??;
        Ok(Self {
            public,
            listener,
            address,
            acceptor: config
                .certificate
                .map(|certificate| TlsAcceptor::from(certificate.config)),
            router: web::router(Arc::clone(&app)),
            app,
            check_every: config.check_every,
            broker: config.broker,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end`; then what was begun is ended.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let guests = Guests::default();
        let (ending, ends) = watch::channel(false);
        let mut connections = JoinSet::new();
        let follower = tokio::spawn(keep_following(Arc::clone(&self.app)));
        let keeper = tokio::spawn(keep_devices(Arc::clone(&self.app), self.public));
        let fleet = tokio::spawn(fleet::run(
            Arc::clone(&self.app.state),
            Arc::clone(&self.app.lines),
            self.check_every,
        ));
        let broker = self.broker.map(|broker| {
            let lines = Arc::clone(&self.app.lines);
            tokio::spawn(mqtt::run(broker, lines, ends.clone()))
        });
        let mut end = pin!(end);
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                () = &mut end => break,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut end => break,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of handles, perhaps: whoever has one gives it back some time.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Some(guest) = guests.welcome(web::place(peer.ip())) else {
                continue;
            };
            let (acceptor, router, ends) =
                (self.acceptor.clone(), self.router.clone(), ends.clone());
            connections.spawn(async move {
                welcome(stream, peer, acceptor, router, ends).await;
                drop((place, guest));
            });
            while connections.try_join_next().is_some() {}
        }
        drop(self.listener);
        follower.abort();
        fleet.abort();
        // Nobody listens if there are no connections.
        let _ = ending.send(true);
        let all = async {
            while connections.join_next().await.is_some() {}
            if let Some(broker) = broker {
                let _ = broker.await;
            }
        };
        // Whoever takes longer is cut off.
        let _ = tokio::time::timeout(LAST, all).await;
        keeper.abort();
        let app = self.app;
        let end = tokio::task::spawn_blocking(move || app.state.leases().map(Leases::end));
        // The others take the devices when the leases are over.
        let _ = end.await;
    }
}

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address, as long as it is there.
#[derive(Debug)]
struct Guest {
    guests: Guests,
    from: IpAddr,
}

impl Guests {
    /// One more; `None`: it has as many as it may have.
    fn welcome(&self, from: IpAddr) -> Option<Guest> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(from).or_default();
        if *count >= CONNECTIONS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Guest {
            guests: self.clone(),
            from,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut all = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.from);
            }
        }
    }
}

async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    ends: watch::Receiver<bool>,
) {
    // A small answer is not to wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => serve(stream, peer, router, ends).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                serve(stream, peer, router, ends).await;
            }
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    mut ends: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        let mut router = router.clone();
        async move { router.call(request.map(Body::new)).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // A client that breaks off harms nobody else.
        _ = connection.as_mut() => return,
        _ = ends.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Where there may be other gateways: keeps this one's devices, takes what nobody has, and gives back what is too much.
async fn keep_devices(app: Arc<App>, public: String) {
    let Some(pause) = app.state.leases().map(Leases::pause) else {
        return;
    };
    loop {
        tokio::time::sleep(pause).await;
        let (keeping, public) = (Arc::clone(&app), public.clone());
        let kept = tokio::task::spawn_blocking(move || {
            if keeping.take_devices(&public)? {
                keeping.follow()?;
            }
            Ok::<_, Error>(())
        });
        match kept.await {
            // A database that is away says so itself.
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_away() => {}
            Ok(Err(error)) => eprintln!("berth-serve: {error}"),
            Err(_) => return,
        }
    }
}

async fn keep_following(app: Arc<App>) {
    let mut before = None;
    loop {
        let look = Arc::clone(&app);
        let looked = tokio::task::spawn_blocking(move || {
            let version = look.state.version()?;
            if before != Some(version) {
                look.follow()?;
            }
            Ok::<_, Error>(version)
        });
        match looked.await {
            Ok(Ok(version)) => before = Some(version),
            Ok(Err(error)) if error.is_away() => {}
            Ok(Err(error)) => eprintln!("berth-serve: {error}"),
            Err(_) => return,
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_have_all_connections() {
        let guests = Guests::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut all: Vec<_> = std::iter::from_fn(|| guests.welcome(one)).collect();
        assert_eq!(all.len(), CONNECTIONS_OF_ONE);
        assert!(guests.welcome(other).is_some());
        all.pop();
        all.push(guests.welcome(one).unwrap());
        drop(all);
        // Nothing is kept of who has none.
        assert!(guests.0.lock().unwrap().is_empty());
    }
}
