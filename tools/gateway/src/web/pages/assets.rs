//! Script, style and icon. They stand in the program, and under an address that changes with them, so a browser may keep
//! them.

use super::super::{App, Problem};
use axum::{
    Router,
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset {
        name: "htmx.min.js",
        kind: "text/javascript; charset=utf-8",
        // Of https://htmx.org, under the Zero-Clause BSD licence; `tools/setup` fetches it, build.rs says where it is.
        text: include_str!(env!("BERTH_HTMX")),
    },
    Asset {
        name: "page.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("page.js"),
    },
    Asset {
        name: "page.css",
        kind: "text/css; charset=utf-8",
        text: include_str!("page.css"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        text: include_str!("icon.svg"),
    },
];

/// Of all of them together: they change with the program.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.text);
    }
    let hash: [u8; 32] = hash.finalize().into();
    berth::hexadecimal(&hash[..6])
});

/// Where a page finds one.
pub(super) fn address(name: &str) -> String {
    format!("/-/assets/{}/{name}", *VERSION)
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/-/assets/{version}/{name}", get(one))
}

async fn one(Path((_, name)): Path<(String, String)>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.text).into_response()
        }
        None => Problem::not_found("there is nothing at this path").into_response(),
    }
}
