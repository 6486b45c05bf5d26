//! Who is it? A key is typed once; then the browser has a cookie that scripts cannot read and other pages cannot have sent, for
//! twelve hours at most. Each change carries a token beside it that stands in our pages only.
//!
//! The gateway keeps the SHA-256 of what is in the cookie, in memory: when it ends, everybody logs in again. What the
//! key may do is looked up at each request, so a key that is revoked ends its sessions.

use super::{
    super::{App, Caller, Peer, Problem, limits},
    Trouble, assets, head,
};
use crate::{Error, KeyRow, state::random};
use axum::{
    Extension, Form, Router,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

const COOKIE: &str = "berth-session";

/// How long a session lasts, and how many there are: the oldest ends for one more.
const LASTS: Duration = Duration::from_secs(12 * 3600);
const SESSIONS_MAX: usize = 1000;

const LOGIN: &str = "/-/login";

/// Is this the path of the log-in?
pub(in super::super) fn is_login(path: &str) -> bool {
    path == LOGIN
}

/// What a session is known by: the SHA-256 of what is in the cookie.
pub(crate) type Mark = [u8; 32];

fn mark(cookie: &str) -> Mark {
    Sha256::digest(cookie).into()
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Mark, Session>>);

#[derive(Clone, Debug)]
struct Session {
    key: String,
    token: String,
    until: Instant,
}

/// Somebody who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(in super::super) caller: Caller,
    /// What each change has to carry.
    pub(super) token: String,
}

impl Sessions {
    /// Begins a session; returns what the cookie has.
    fn begin(&self, key: &str) -> Result<String, Error> {
        let cookie = random::<32>()?;
        let session = Session {
            key: key.to_owned(),
            token: random::<32>()?,
            until: Instant::now() + LASTS,
        };
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| session.until > now);
        if sessions.len() >= SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.until);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(mark(&cookie), session);
        Ok(cookie)
    }

    fn find(&self, mark: &Mark) -> Option<Session> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = sessions.get(mark)?;
        (found.until > Instant::now()).then(|| found.clone())
    }

    /// Has a session that began not ended since?
    pub(in super::super) fn goes_on(&self, mark: &Mark) -> bool {
        self.find(mark).is_some()
    }

    fn end(&self, mark: &Mark) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(mark);
    }
}

/// Who asks for a page; `None`: the page is for everybody.
///
/// # Errors
/// The answer to somebody who has not logged in, or whose change does not come from one of our pages.
pub(crate) async fn admit(
    app: &App,
    head: &Parts,
    peer: IpAddr,
) -> Result<Option<Visitor>, Box<Response>> {
    let path = head.uri.path();
    if path == LOGIN || path.starts_with("/-/assets/") {
        return Ok(None);
    }
    let Some((mark, session, row)) = of(app, &head.headers).await? else {
        let part = head.headers.contains_key("hx-request");
        return Err(Box::new(if part || head.method != Method::GET {
            let unknown = Problem::unknown_caller("nobody has logged in here");
            ([("hx-redirect", LOGIN)], unknown).into_response()
        } else {
            Redirect::to(LOGIN).into_response()
        }));
    };
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let shown = head.headers.get("x-csrf-token");
        if shown.is_none_or(|shown| shown.as_bytes() != session.token.as_bytes()) {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                "this does not come from a page of the gateway",
            );
            return Err(Box::new(problem.into_response()));
        }
    }
    Ok(Some(Visitor {
        caller: Caller {
            session: Some(mark),
            ..Caller::of(row, peer)
        },
        token: session.token,
    }))
}

/// The session of a request, with its key as it is now.
async fn of(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<(Mark, Session, KeyRow)>, Box<Response>> {
    let found = cookie(headers)
        .map(mark)
        .and_then(|mark| Some((mark, app.sessions.find(&mark)?)));
    let Some((mark, session)) = found else {
        return Ok(None);
    };
    let id = session.key.clone();
    let row = app.with_state(move |state| state.key_of_id(&id)).await;
    let row = row.map_err(|problem| Box::new(problem.into_response()))?;
    Ok(row.map(|row| (mark, session, row)))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// The cookie, as it is given to a browser; a `secure` one is sent over TLS only.
fn given(value: &str, lasts: Duration, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        lasts.as_secs()
    );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(LOGIN, get(ask).post(login))
        .route("/-/logout", post(logout))
}

async fn ask() -> Markup {
    form(None)
}

fn form(wrong: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Log in"))
            body.login {
                main {
                    h1 { img src=(assets::address("icon.svg")) alt="" width="40" height="40"; "Berth" }
                    form method="post" action=(LOGIN) {
                        label for="key" { "Key" }
                        input #key name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false"
                            aria-describedby="key-help" aria-invalid=[wrong.map(|_| "true")];
                        @if let Some(wrong) = wrong { p.message.error role="alert" { (wrong) } }
                        button.main type="submit" { "Log in" }
                        p #key-help.quiet { "It begins with " code { "berth_" } ". Who runs the gateway makes one: " code { "berth serve key add NAME" } }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Shown {
    key: String,
}

async fn login(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    Form(shown): Form<Shown>,
) -> Result<Response, Trouble> {
    let key = shown.key.trim().to_owned();
    let found = app.with_state(move |state| state.key(&key)).await?;
    let Some(row) = found else {
        let place = limits::place(peer);
        if let Err(after) = app.limits.strangers.take(place) {
            let text = format!(
                "Too many wrong keys. Try again in {} s.",
                after.as_secs().max(1)
            );
            return Ok((StatusCode::TOO_MANY_REQUESTS, form(Some(&text))).into_response());
        }
        if app.limits.denied.take(()).is_ok() {
            let peer = peer.to_string();
            app.with_state(move |state| state.audit_denied("unknown key", &peer, "log in"))
                .await?;
        }
        return Ok((
            StatusCode::UNAUTHORIZED,
            form(Some("This key is not known.")),
        )
            .into_response());
    };
    let begun = app.sessions.begin(&row.id);
    let cookie = begun.map_err(|error| Problem::of_state(&error))?;
    let caller = Caller::of(row, peer);
    app.record(&caller, ("", "log in"), "", "done", None)
        .await?;
    let cookie = given(&cookie, LASTS, app.secure);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers) {
        app.sessions.end(&mark(cookie));
    }
    let cookie = given("", Duration::ZERO, app.secure);
    let headers = [
        (header::SET_COOKIE, cookie),
        (
            header::HeaderName::from_static("hx-redirect"),
            HeaderValue::from_static(LOGIN),
        ),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_what_is_in_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let cookie = sessions.begin("key").unwrap();
        let other = sessions.begin("other").unwrap();
        assert_ne!(cookie, other);
        let (mark, others) = (mark(&cookie), mark(&other));
        assert_eq!(sessions.find(&mark).unwrap().key, "key");
        assert!(sessions.find(&super::mark("")).is_none());
        assert!(sessions.goes_on(&mark));
        sessions.end(&mark);
        assert!(sessions.find(&mark).is_none() && !sessions.goes_on(&mark));
        assert_eq!(sessions.find(&others).unwrap().key, "other");
    }

    #[test]
    fn the_oldest_session_ends_for_one_more() {
        let sessions = Sessions::default();
        let first = sessions.begin("key").unwrap();
        for _ in 0..SESSIONS_MAX {
            sessions.begin("key").unwrap();
        }
        assert!(sessions.find(&mark(&first)).is_none());
        assert_eq!(sessions.0.lock().unwrap().len(), SESSIONS_MAX);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(text));
            cookie(&headers).map(str::to_owned)
        };
        assert_eq!(of("a=1; berth-session=x; b=2"), Some("x".into()));
        assert_eq!(of("berth-session=x"), Some("x".into()));
        assert_eq!(of("xberth-session=x"), None);
    }
}
