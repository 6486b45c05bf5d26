//! What each request passes before anything is done for it, in this order.
//!
//! 1. **Host**: a name that is the gateway's. A web page whose name suddenly means this computer's address (DNS rebinding)
//!    sends its own.
//! 2. **Origin**: a browser says which page makes it send a request. Another page's changes nothing, not even on a
//!    network that is trusted. No answer has a CORS header, so no other page reads one either.
//! 3. **Key**, as `Authorization: Bearer` or HTTP basic; who tries often with none or a wrong one has to wait. For pages: the
//!    session of somebody who has logged in with one (`pages`), which opens nothing but pages.
//! 4. **Rate** of the key.

use super::{App, Caller, Peer, Problem, limits, messages, pages, wasmico};
use crate::{Role, Scope};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Longest time of a request, whatever it waits for; uploads wait longest.
const PATIENCE: Duration = Duration::from_secs(300);

/// That of a log-in, which no key was shown for yet.
const PATIENCE_LOGIN: Duration = Duration::from_secs(10);

pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let mut response = match admit(&app, &mut head).await {
        Ok(()) => {
            let patience = if pages::is_login(head.uri.path()) {
                PATIENCE_LOGIN
            } else {
                PATIENCE
            };
            let request = Request::from_parts(head, body);
            match tokio::time::timeout(patience, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timed-out",
                    "the request took too long",
                )
                .into_response(),
            }
        }
        Err(response) => *response,
    };
    if let Some(problem) = of_framework(&response) {
        response = problem.into_response();
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        // Pages have their own of some.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// What the framework itself refuses, it does in plain text; here it is a problem like every other one.
fn of_framework(response: &Response) -> Option<Problem> {
    let kind = response.headers().get(header::CONTENT_TYPE)?;
    if !kind.as_bytes().starts_with(b"text/plain") {
        return None;
    }
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::too_large()),
        status if status.is_client_error() => Some(Problem::new(
            status,
            "bad-request",
            "the request makes no sense",
        )),
        _ => None,
    }
}

/// Whoever it is, handlers find him in `head`.
async fn admit(app: &App, head: &mut Parts) -> Result<(), Box<Response>> {
    let refused = |problem: Problem| Box::new(problem.into_response());
    let peer = from_own_page(app, head).map_err(refused)?;
    if pages::is_path(head.uri.path()) {
        if let Some(visitor) = pages::admit(app, head, peer).await? {
            let taken = app.limits.requests.take(visitor.caller.name.clone());
            taken.map_err(|after| refused(Problem::too_often(after)))?;
            head.extensions.insert(visitor.caller.clone());
            head.extensions.insert(visitor);
        }
        return Ok(());
    }
    let caller = caller(app, head, peer).await.map_err(refused)?;
    head.extensions.insert(caller);
    Ok(())
}

/// Where a request comes from, if it calls the gateway by its name and no other page has made a browser send it.
fn from_own_page(app: &App, head: &Parts) -> Result<IpAddr, Problem> {
    let headers = &head.headers;
    let Some(&Peer(peer)) = head.extensions.get() else {
        return Err(Problem::bad_request(
            "it is not known where this comes from",
        ));
    };
    let host = one(headers, &header::HOST)?
        .ok_or_else(|| Problem::bad_request("the header Host is missing"))?;
    if !is_own(host, &app.names) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            &format!("this gateway is not called \"{host}\""),
        )
        .hint("`berth-serve --name NAME` says by which names it is called"));
    }
    if !matches!(head.method, Method::GET | Method::HEAD) && is_foreign(headers, host)? {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "another web page's requests change nothing here",
        ));
    }
    Ok(peer)
}

/// Whose key a request has.
async fn caller(app: &App, head: &Parts, peer: IpAddr) -> Result<Caller, Problem> {
    let headers = &head.headers;
    let place = limits::place(peer);
    let what = format!("{} {}", head.method, head.uri.path());
    let caller = match one(headers, &header::AUTHORIZATION)? {
        None if wasmico::is_path(head.uri.path())
            && app.trusted.iter().any(|network| network.has(peer)) =>
        {
            Caller {
                name: "trusted network".into(),
                key: String::new(),
                peer,
                role: Role::Operate,
                scope: Scope::default(),
                keyless: true,
                session: None,
            }
        }
        None => {
            app.limits
                .strangers
                .take(place)
                .map_err(Problem::too_often)?;
            return Err(Problem::unknown_caller("this needs a key"));
        }
        Some(shown) => {
            let key = key(shown).unwrap_or_default();
            let found = app.with_state(move |state| state.key(&key)).await?;
            match found {
                Some(row) => Caller::of(row, peer),
                None => {
                    app.limits
                        .strangers
                        .take(place)
                        .map_err(Problem::too_often)?;
                    if app.limits.denied.take(()).is_ok() {
                        let peer = peer.to_string();
                        app.with_state(move |state| {
                            state.audit_denied("unknown key", &peer, &what)
                        })
                        .await?;
                    }
                    return Err(Problem::unknown_caller("this key is not known"));
                }
            }
        }
    };
    let bucket = if caller.keyless {
        // No key has a blank in its name.
        format!("{} {place}", caller.name)
    } else {
        caller.name.clone()
    };
    let buckets = if messages::is_path(head.uri.path()) {
        &app.limits.messages
    } else {
        &app.limits.requests
    };
    buckets.take(bucket).map_err(Problem::too_often)?;
    Ok(caller)
}

/// A header that must not be there twice, as text.
fn one<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Result<Option<&'a str>, Problem> {
    let wrong = || Problem::bad_request(&format!("the header {name} makes no sense"));
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(wrong());
    }
    value
        .map(|value| value.to_str().map_err(|_| wrong()))
        .transpose()
}

/// Is this what the gateway is called? Addresses are: no name of a page means one.
fn is_own(host: &str, names: &[String]) -> bool {
    let name = without_port(host);
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    bare.unwrap_or(name).parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // In an IPv6 address there are more, in brackets.
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

/// Does a browser say that another page sends this?
fn is_foreign(headers: &HeaderMap, host: &str) -> Result<bool, Problem> {
    let fetch = axum::http::HeaderName::from_static("sec-fetch-site");
    let site = one(headers, &fetch)?;
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Ok(true);
    }
    Ok(match one(headers, &header::ORIGIN)? {
        Some(origin) => origin
            .split_once("://")
            .is_none_or(|(_, own)| !own.eq_ignore_ascii_case(host)),
        None => false,
    })
}

/// The key in an `Authorization` header.
fn key(shown: &str) -> Option<String> {
    let (scheme, rest) = shown.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(rest).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    // `http://KEY@gateway` is as good as `http://name:KEY@gateway`.
    Some(if password.is_empty() { user } else { password }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_addresses_localhost_and_what_the_operator_says() {
        let names = ["gateway.example".to_owned()];
        for (host, own) in [
            ("127.0.0.1", true),
            ("127.0.0.1:7380", true),
            ("[::1]:7380", true),
            ("[::1]", true),
            ("localhost:80", true),
            ("LocalHost", true),
            ("Gateway.Example:443", true),
            ("evil.example", false),
            ("gateway.example.evil.example", false),
            ("localhost.evil.example:80", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_own(host, &names), own, "{host}");
        }
    }

    #[test]
    fn a_request_is_foreign_if_its_browser_names_another_page() {
        let foreign = |header: Option<(&str, &'static str)>| {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                let name: header::HeaderName = name.parse().unwrap();
                headers.insert(name, HeaderValue::from_static(value));
            }
            is_foreign(&headers, "gateway:80").unwrap()
        };
        for (header, expected) in [
            (None, false),
            (Some(("origin", "http://gateway:80")), false),
            (Some(("origin", "http://evil.example")), true),
            (Some(("origin", "http://gateway:81")), true),
            (Some(("origin", "null")), true),
            (Some(("sec-fetch-site", "cross-site")), true),
            (Some(("sec-fetch-site", "same-site")), true),
            (Some(("sec-fetch-site", "same-origin")), false),
            (Some(("sec-fetch-site", "none")), false),
        ] {
            assert_eq!(foreign(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_key_comes_as_bearer_or_in_http_basic() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for (shown, expected) in [
            ("Bearer abc".to_owned(), Some("abc")),
            ("bearer abc".to_owned(), Some("abc")),
            (basic("anybody:abc"), Some("abc")),
            (basic("abc:"), Some("abc")),
            (basic("abc"), Some("abc")),
            ("Basic !".to_owned(), None),
            ("Digest abc".to_owned(), None),
            ("abc".to_owned(), None),
        ] {
            assert_eq!(key(&shown).as_deref(), expected, "{shown}");
        }
    }
}
