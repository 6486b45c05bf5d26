//! A real browser: Chromium of Debian, driven over WebDriver.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of two programs, each using another part"
)]

use super::wait_until;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What speaks WebDriver; `tools/setup/setup.sh tests` installs it with the browser.
const DRIVER: &str = "chromedriver";

/// The name under which an answer has an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    driver: Child,
    http: ureq::Agent,
    /// Of the session.
    driver_address: String,
    /// Where the gateway is.
    address: String,
}

/// What WebDriver answers that is none of what was asked for.
type Refused = String;

fn ask(http: &ureq::Agent, address: &str, body: Option<&Value>) -> Result<Value, Refused> {
    let sent = match body {
        Some(body) => http
            .post(address)
            .header("Content-Type", "application/json")
            .send(body.to_string()),
        None => http.get(address).call(),
    };
    let mut answer = sent.unwrap_or_else(|error| panic!("{address}: {error}"));
    let text = answer.body_mut().read_to_string().unwrap();
    let mut value: Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{address}: {text}"));
    let value = value["value"].take();
    if answer.status().is_success() {
        Ok(value)
    } else {
        Err(value.to_string())
    }
}

impl Browser {
    /// A browser that knows nothing yet.
    pub fn open(address: &str) -> Self {
        let driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = driver.unwrap_or_else(|error| {
            panic!("{DRIVER}: {error}; these tests need a browser: run tools/setup/setup.sh tests (chromium, chromium-driver)")
        });
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says where it listens");
        // Whoever writes is not to be kept waiting.
        std::thread::spawn(move || lines.for_each(drop));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(120)));
        let mut this = Self {
            driver,
            http: config.build().new_agent(),
            driver_address: format!("http://127.0.0.1:{port}/session"),
            address: address.to_owned(),
        };
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--lang=en",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": { "args": args, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
            "unhandledPromptBehavior": "ignore",
        }}});
        let session = ask(&this.http, &this.driver_address, Some(&wanted));
        let session = session.expect("a browser (tools/setup/setup.sh tests)");
        this.driver_address += &format!("/{}", session["sessionId"].as_str().unwrap());
        this.size(1100, 760);
        this
    }

    fn get(&self, what: &str) -> Result<Value, Refused> {
        ask(&self.http, &format!("{}/{what}", self.driver_address), None)
    }

    fn post(&self, what: &str, body: &Value) -> Result<Value, Refused> {
        ask(
            &self.http,
            &format!("{}/{what}", self.driver_address),
            Some(body),
        )
    }

    pub fn size(&self, width: u32, height: u32) {
        // Of the page itself, which the window is larger than.
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride",
            "params": {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}});
        self.post("goog/cdp/execute", &body).unwrap();
    }

    /// As somebody's system is who likes it dark.
    pub fn dark(&self, is: bool) {
        let value = if is { "dark" } else { "light" };
        let body = json!({"cmd": "Emulation.setEmulatedMedia",
            "params": {"features": [{"name": "prefers-color-scheme", "value": value}]}});
        self.post("goog/cdp/execute", &body).unwrap();
    }

    /// What the browser complains of: scripts that fail, what a page may not load. Answers that are errors are none of that.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({ "type": "browser" })).unwrap();
        let entries = log.as_array().cloned().unwrap_or_default();
        let is_answer = |entry: &Value| {
            let text = entry["message"].as_str().unwrap_or_default();
            entry["source"] == "network" || text.contains("Response Status Error Code")
        };
        let texts = entries
            .iter()
            .filter(|entry| entry["level"] != "DEBUG" && !is_answer(entry));
        texts
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub fn go(&self, path: &str) {
        let address = format!("http://{}{path}", self.address);
        self.post("url", &json!({ "url": address })).unwrap();
    }

    pub fn path(&self) -> String {
        let address = self.get("url").unwrap();
        let (_, rest) = address.as_str().unwrap().split_once("://").unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("/{path}")
    }

    /// What a script gives.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
            .unwrap()
    }

    /// The text of an element, as somebody sees it; nothing if there is none.
    pub fn text(&self, of: &str) -> String {
        let script = format!(
            "return document.querySelector({})?.innerText ?? ''",
            json!(of)
        );
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    pub fn count(&self, of: &str) -> u64 {
        let script = format!("return document.querySelectorAll({}).length", json!(of));
        self.run(&script).as_u64().unwrap()
    }

    /// Waits until an element shows a text.
    pub fn shows(&self, element: &str, text: &str) {
        let began = std::time::Instant::now();
        while !self.text(element).contains(text) {
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "{element} never shows {text:?}: {}",
                self.text("body")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As somebody clicks; parts of pages that are replaced meanwhile are looked for again.
    pub fn click(&self, element: &str) {
        self.on(element, "click", &json!({}));
    }

    pub fn write(&self, element: &str, text: &str) {
        self.on(element, "value", &json!({ "text": text }));
    }

    fn on(&self, element: &str, what: &str, body: &Value) {
        wait_until(&format!("{what} of {element}"), || {
            let found = self.post(
                "element",
                &json!({"using": "css selector", "value": element}),
            );
            found.is_ok_and(|found| {
                let id = found[ELEMENT].as_str().unwrap();
                self.post(&format!("element/{id}/{what}"), body).is_ok()
            })
        });
    }

    /// A key of the keyboard, wherever the focus is.
    pub fn press(&self, key: char) {
        let keys = json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        self.post("actions", &keys).unwrap();
    }

    pub fn focus(&self) -> String {
        let script = "const a = document.activeElement; return a.id || a.className || a.tagName";
        self.run(script).as_str().unwrap_or_default().to_owned()
    }

    /// Answers what the browser asks: yes.
    pub fn say_yes(&self) {
        wait_until("it asks", || self.post("alert/accept", &json!({})).is_ok());
    }

    /// Is there something to be scrolled to the side?
    pub fn is_too_wide(&self) -> bool {
        let script = "return document.documentElement.scrollWidth > window.innerWidth";
        self.run(script) == true
    }

    /// What is shown, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let png = self.get("screenshot").unwrap();
        let png = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, png.as_str().unwrap());
        png.unwrap()
    }

    pub fn log_in(&self, key: &str) {
        self.go("/");
        assert_eq!(self.path(), "/-/login");
        self.write("#key", key);
        self.click("button[type=submit]");
        wait_until("it is logged in", || self.path() == "/");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser goes with its session, and the driver by hand.
        let _ = self.http.delete(&self.driver_address).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
