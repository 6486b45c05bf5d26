//! A client of HTTP that says exactly what it is told.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    /// Before each path.
    prefix: String,
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The device's or gateway's word for an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// WASMICO's answer: status, its number, its text.
    pub fn said(&self) -> (u16, u64, String) {
        let json = self.json();
        let text = json["message"].as_str().unwrap_or_default().to_owned();
        (self.status, json["status_code"].as_u64().unwrap(), text)
    }
}

impl Client {
    pub fn new(address: &str, key: Option<&str>) -> Self {
        let client = Self {
            address: address.to_owned(),
            prefix: String::new(),
            headers: Vec::new(),
        };
        match key {
            Some(key) => client.with("Authorization", &format!("Bearer {key}")),
            None => client,
        }
    }

    /// With one more header; one of the same name is replaced.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut new = self.clone();
        new.headers
            .retain(|(old, _)| !old.eq_ignore_ascii_case(name));
        new.headers.push((name.to_owned(), value.to_owned()));
        new
    }

    /// For a device that is not the default one.
    pub fn at(&self, device: &str) -> Self {
        let mut new = self.clone();
        new.prefix = format!("/{device}");
        new
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"")
    }

    /// A form, as WASMICO's command line sends one.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace('/', "%2F")))
            .collect();
        let kind = "application/x-www-form-urlencoded";
        self.send("POST", path, kind, fields.join("&").as_bytes())
    }

    /// A file with fields, as WASMICO's command line sends them.
    pub fn upload(&self, filename: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Answer {
        const BORDER: &str = "--------------------------8721c5a0e7b3";
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!(
                "--{BORDER}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend(part.bytes());
        }
        let part = format!(
            "--{BORDER}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             Content-Type: application/wasm\r\n\r\n"
        );
        body.extend(part.bytes());
        body.extend(bytes);
        body.extend(format!("\r\n--{BORDER}--\r\n").bytes());
        let kind = format!("multipart/form-data; boundary={BORDER}");
        self.send("POST", "/task/upload", &kind, &body)
    }

    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let stream = TcpStream::connect(&self.address).unwrap();
        self.send_over(stream, method, path, kind, body)
    }

    pub fn send_over(
        &self,
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {}{path} HTTP/1.1\r\n", self.prefix);
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !kind.is_empty() {
            head += &format!("Content-Type: {kind}\r\n");
        }
        head += &format!(
            "Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Who is sent away at once need not read it.
        let _ = stream.write_all(body).and_then(|()| stream.flush());
        let mut answer = Vec::new();
        // A connection that is reset after the answer has given it.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        assert!(!chunked, "{head}");
        Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}
