//! For people: what a browser shows. Made here as HTML, kept up to date by htmx, which asks for parts of a page again.
//!
//! ```text
//!   guard ── session (log-in, cookie, token) ──► Visitor
//!   /                               overview    devices and how they are
//!   /-/devices/{device}             device      its containers live, who holds what, an upload, faults
//!   /-/devices/{device}/containers/{name}  container  figures, log live, everything that is known
//!   /-/rollouts[/{id}]              rollouts    with their stages
//!   /-/faults                       faults      of all devices
//!   /-/assets/…                     assets      script, style; all from here, so it works without the internet
//! ```
//!
//! Everything but `/` is below `/-/`: no device has that name, so WASMICO's paths are not in the way. What is done is done by
//! the same functions as over `/v1`, with the rights of the key that somebody has logged in with. Pages have no script or
//! style of their own in them, and the browser is told to run none (Content-Security-Policy).

mod assets;
mod container;
mod device;
mod faults;
mod figures;
mod overview;
mod rollouts;
mod session;

pub(crate) use session::{Mark, Sessions};
pub(super) use session::{Visitor, admit, is_login};

use super::{App, Problem};
use crate::Role;
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

/// What pages may load, and from where.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How htmx is to be: it runs no text as script, adds no style, shows errors where messages are, gives no part of a page what another says of itself, and has what it brings work at once (a
/// click in the fiftieth of a second that it waits otherwise is lost).
const HTMX: &str = r##"{"allowEval":false,"allowScriptTags":false,"includeIndicatorStyles":false,"historyEnabled":false,"defaultSettleDelay":0,"disableInheritance":true,"selfRequestsOnly":true,
"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"[45]..","swap":true,"error":true,"target":"#message","swapOverride":"innerHTML"}]}"##;

/// What a change tells the other parts of the page, so that they ask again.
const CHANGED: &str = "changed";

/// Is this the path of a page?
pub(super) fn is_path(path: &str) -> bool {
    path == "/" || path.starts_with("/-/")
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(session::router())
        .merge(overview::router())
        .merge(device::router())
        .merge(container::router())
        .merge(rollouts::router())
        .merge(faults::router())
        .merge(assets::router())
        .layer(middleware::from_fn(dress))
}

type Page = Result<Markup, Trouble>;

/// A problem, for a person.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    status: StatusCode,
    detail: String,
    hint: Option<&'static str>,
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        let (status, detail, hint) = problem.into_parts();
        Self {
            status,
            detail,
            hint,
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        // How it is shown depends on who asks, which is known in `dress`.
        response.extensions_mut().insert(self);
        response
    }
}

/// The headers of pages, and what trouble looks like: a part of a page, or a whole one.
async fn dress(request: Request, next: Next) -> Response {
    let is_part = request.headers().contains_key("hx-request");
    let visitor = request.extensions().get::<Visitor>().cloned();
    let mut response = next.run(request).await;
    if let Some(trouble) = response.extensions_mut().remove::<Trouble>() {
        let text = html! {
            p.message.error role="alert" {
                strong { (trouble.detail) }
                @if let Some(hint) = trouble.hint { br; span { (hint) } }
            }
        };
        let text = match visitor {
            Some(visitor) if !is_part => page(&visitor, "Not here", "", &text),
            _ => text,
        };
        response = (trouble.status, text).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    // Without, a browser says of a form that it comes from nowhere, which is refused.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// A whole page. `here` is the address of its place in the menu.
fn page(visitor: &Visitor, title: &str, here: &str, body: &Markup) -> Markup {
    let caller = &visitor.caller;
    let link = |address: &'static str, text: &str| {
        html! { a href=(address) aria-current=[(address == here).then_some("page")] { (text) } }
    };
    let token = format!("{{\"X-CSRF-Token\":\"{}\"}}", visitor.token);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body hx-headers=(token) {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.home href="/" { img src=(assets::address("icon.svg")) alt="" width="24" height="24"; "Berth" }
                    nav aria-label="Pages" {
                        (link("/", "Devices"))
                        @if visitor.sees_fleet() { (link("/-/rollouts", "Roll-outs")) }
                        (link("/-/faults", "Faults"))
                    }
                    div.who {
                        span title="The key that you have logged in with, and what it may do" { (caller.name) " · " (caller.role.word()) }
                        button #logout type="button" hx-post="/-/logout" { "Log out" }
                    }
                }
                main #main tabindex="-1" { (body) }
                div #message role="status" aria-live="polite" {}
                div #gone role="alert" hidden { "The gateway does not answer. What is shown here is as it was." }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="htmx-config" content=(HTMX);
            title { (title) " · Berth" }
            link rel="icon" href=(assets::address("icon.svg"));
            link rel="stylesheet" href=(assets::address("page.css"));
            script src=(assets::address("htmx.min.js")) defer {}
            script src=(assets::address("page.js")) defer {}
        }
    }
}

/// Says that something was done, and has the page ask for what is so now.
fn done(text: &str) -> Response {
    let text = html! { p.message.good { (text) } };
    ([("hx-trigger", CHANGED)], text).into_response()
}

/// What stands for itself in no part of a path (RFC 3986, section 2.3).
const NO_NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A container's name as a part of a path. Devices say what they like, and browsers take `..`, `?` and `#` for more than a name.
fn segment(name: &str) -> String {
    // However they are written, these are no names in a path; no container is called so.
    if matches!(name, "" | "." | "..") {
        return "-".into();
    }
    utf8_percent_encode(name, NO_NAME).to_string()
}

/// What a device or container does, as a mark: its word, and a colour that says the same.
fn badge(word: &str, kind: &str) -> Markup {
    html! { span.badge.(kind) { (word) } }
}

impl Visitor {
    fn may_operate(&self) -> bool {
        self.caller.role >= Role::Operate
    }

    fn sees_fleet(&self) -> bool {
        self.caller.scope == crate::Scope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_a_device_says() {
        for (name, path) in [
            ("blink-2.0_a", "blink-2.0_a"),
            (
                "../../roof/containers/lamp",
                "..%2F..%2Froof%2Fcontainers%2Flamp",
            ),
            ("a?b#c%d", "a%3Fb%23c%25d"),
            ("\"><b>", "%22%3E%3Cb%3E"),
            ("ä\n", "%C3%A4%0A"),
            ("..", "-"),
            (".", "-"),
            ("", "-"),
        ] {
            assert_eq!(segment(name), path, "{name:?}");
        }
    }
}
