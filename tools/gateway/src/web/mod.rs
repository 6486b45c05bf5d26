//! HTTP: which paths there are, and what each request passes on its way.

mod guard;
mod limits;
mod messages;
mod metrics;
mod network;
mod pages;
mod problem;
mod v1;
mod wasmico;

pub(crate) use limits::{Limits, place};
pub(crate) use messages::Uploads;
pub use network::Network;
use pages::Mark;
pub(crate) use pages::Sessions;
pub(crate) use problem::Problem;
pub(crate) use v1::Device;

use crate::{
    Again, By, Error, KeyRow, Lines, Role, Standing, State, lines::Known, state::NewEntry,
};
use axum::{Router, extract::DefaultBodyLimit, middleware};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Most bytes of a request; the largest images that devices take are a fraction of it.
const BODY_MAX: usize = 4 << 20;

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(15);

/// What all requests share.
pub(crate) struct App {
    pub(crate) state: Arc<State>,
    pub(crate) lines: Arc<Lines>,
    /// Names by which the gateway may be called, beside addresses and `localhost`.
    pub(crate) names: Vec<String>,
    /// Who may use WASMICO's API without a key.
    pub(crate) trusted: Vec<Network>,
    pub(crate) limits: Limits,
    pub(crate) uploads: Uploads,
    /// Who has logged in.
    pub(crate) sessions: Sessions,
    /// Is it over TLS that browsers come?
    pub(crate) secure: bool,
}

/// A change of a device that is asked for.
struct Change {
    /// What the audit log calls it.
    action: &'static str,
    /// The container it is about.
    subject: String,
    again: Again,
    patience: Duration,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// For the audit log.
    name: String,
    /// Which key that is; empty without one.
    key: String,
    peer: IpAddr,
    role: Role,
    scope: crate::Scope,
    /// Has it shown no key, and may use WASMICO's API only?
    keyless: bool,
    /// The session of a browser that it is in.
    session: Option<Mark>,
}

impl Caller {
    /// Whoever has shown this key.
    fn of(row: KeyRow, peer: IpAddr) -> Self {
        Self {
            name: row.name,
            key: row.id,
            peer,
            role: row.role,
            scope: row.scope,
            keyless: false,
            session: None,
        }
    }
}

/// Where a request comes from; the server says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(wasmico::router())
        .nest("/{device}", wasmico::router())
        .merge(messages::router())
        .merge(v1::router())
        .merge(metrics::router())
        .merge(pages::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this path")
}

async fn not_so() -> Problem {
    Problem::new(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "not with this method",
    )
}

impl App {
    /// The device that is meant, if the caller may do what needs `role` with it. One that is not his is as one
    /// that is not there.
    async fn device(
        &self,
        caller: &Caller,
        name: Option<&str>,
        role: Role,
        action: &str,
    ) -> Result<Known, Problem> {
        let known = self
            .lines
            .get(name)
            .filter(|known| caller.scope.has(&known.device));
        let Some(known) = known else {
            return Err(match name {
                Some(name) => Problem::not_found(&format!("there is no device \"{name}\"")),
                None => Problem::not_found("no device is the default one"),
            });
        };
        if caller.role < role {
            self.record(caller, (&known.device.name, action), "", "denied", None)
                .await?;
            return Err(Problem::new(
                axum::http::StatusCode::FORBIDDEN,
                "forbidden",
                &format!(
                    "the key \"{}\" has the role {}, and this needs {}",
                    caller.name,
                    caller.role.word(),
                    role.word()
                ),
            ));
        }
        Ok(known)
    }

    /// Asks a device for something that changes nothing.
    async fn look<T: Send + 'static>(
        &self,
        caller: &Caller,
        device: Option<&str>,
        action: &str,
        ask: impl FnMut(&mut berth::Client) -> Result<T, berth::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let known = self.device(caller, device, Role::View, action).await?;
        Ok(known.line.ask(Again::No, LOOK, ask).await?)
    }

    /// The devices that the caller may see, by name.
    fn devices(&self, caller: &Caller) -> Vec<Known> {
        let mut all = self.lines.all();
        all.retain(|known| caller.scope.has(&known.device));
        all
    }

    /// May the caller change the gateway itself? Only who has the role, for all devices.
    async fn admin(&self, caller: &Caller, action: &str, subject: &str) -> Result<(), Problem> {
        let needs = if caller.role < Role::Admin {
            "the role admin"
        } else if caller.scope != crate::Scope::default() {
            "a key for all devices"
        } else {
            return Ok(());
        };
        self.record(caller, ("", action), subject, "denied", None)
            .await?;
        Err(Problem::new(
            axum::http::StatusCode::FORBIDDEN,
            "forbidden",
            &format!("this changes the gateway itself, and needs {needs}"),
        ))
    }

    /// Has the devices that the state names now.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::System`].
    pub(crate) fn follow(&self) -> Result<(), Error> {
        let whose = |device: &str| Some(self.state.leases()?.whose(device));
        match self.lines.follow(self.state.devices()?, whose) {
            // The other devices are there.
            Err(error @ Error::Usage(_)) => eprintln!("berth-serve: {error}"),
            followed => followed?,
        }
        Ok(())
    }

    /// Takes and gives back devices where there may be other gateways, which tell callers this address. Returns whether a device has
    /// another owner now than its line says: also where it had none for a moment, while a lease was over and not yet renewed.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) fn take_devices(&self, public: &str) -> Result<bool, Error> {
        match self.state.leases() {
            None => Ok(false),
            Some(leases) => {
                let moved = leases.turn(public, |device| self.lines.is_used(device))?;
                Ok(moved || self.lines.are_behind(|device| leases.whose(device)))
            }
        }
    }

    /// Asks a device for a change, with an entry in the audit log before and after; `outcome` is the word of the second one.
    /// Once it is asked for it goes on, and is recorded, also if the caller hangs up.
    async fn change<T: Send + 'static>(
        self: Arc<Self>,
        caller: Caller,
        device: Option<&str>,
        change: Change,
        ask: impl FnMut(&mut berth::Client) -> Result<T, berth::Error> + Send + 'static,
        outcome: impl Fn(&T) -> &'static str + Send + 'static,
    ) -> Result<(Known, T), Problem> {
        let Change {
            action,
            subject,
            again,
            patience,
        } = change;
        let known = self.device(&caller, device, Role::Operate, action).await?;
        if let Standing::Elsewhere { at } = known.line.standing() {
            return Err(Problem::elsewhere(at.as_deref()));
        }
        let whole = tokio::spawn(async move {
            let about = (known.device.name.as_str(), action);
            let number = self.record(&caller, about, &subject, "asked", None).await?;
            let done = known.line.change(again, patience, ask).await;
            let done = done.map_err(Problem::from);
            let outcome = match &done {
                Ok(answer) => outcome(answer),
                Err(problem) => problem.code(),
            };
            // What was done stays done; that it cannot be written is said where the gateway runs.
            let _ = self
                .record(&caller, about, &subject, outcome, Some(number))
                .await;
            done.map(|answer| (known, answer))
        });
        match whole.await {
            Ok(done) => done,
            Err(_) => Err(Problem::from(crate::Failed::Gone)),
        }
    }

    /// Writes into the audit log; without that nothing is done.
    async fn record(
        &self,
        caller: &Caller,
        (device, action): (&str, &str),
        subject: &str,
        outcome: &str,
        ends: Option<i64>,
    ) -> Result<i64, Problem> {
        let (who, peer) = (caller.name.clone(), caller.peer.to_string());
        let [device, action, subject, outcome] =
            [device, action, subject, outcome].map(str::to_owned);
        self.with_state(move |state| {
            let entry = NewEntry {
                who: &who,
                peer: &peer,
                device: &device,
                action: &action,
                subject: &subject,
                outcome: &outcome,
                ends,
            };
            // What is to be done is done by the device's owner only; what was done is told by whoever did it.
            if outcome == "asked" {
                state.audit_before(entry)
            } else {
                state.audit(entry)
            }
        })
        .await
    }

    /// Changes the gateway's own state, by this caller.
    async fn change_state<T: Send + 'static>(
        &self,
        caller: Caller,
        change: impl FnOnce(&State, By<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        self.with_state(move |state| {
            let peer = caller.peer.to_string();
            let by = By {
                who: &caller.name,
                peer: &peer,
            };
            change(state, by)
        })
        .await
    }

    /// Uses the state where waiting for the disk holds nobody up.
    async fn with_state<T: Send + 'static>(
        &self,
        with: impl FnOnce(&State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let state = Arc::clone(&self.state);
        match tokio::task::spawn_blocking(move || with(&state)).await {
            Ok(done) => done.map_err(|error| Problem::of_gateway(&error)),
            Err(_) => Err(Problem::of_state(&Error::System("a thread ended".into()))),
        }
    }
}
