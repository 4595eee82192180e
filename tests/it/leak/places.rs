//! What a program has left behind, by the place where, and how secrets are searched for there.

use std::collections::BTreeMap;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use tests::gateway::Reply;

/// How much of a place is shown around what was found there.
const AROUND: usize = 120;

#[derive(Default)]
pub(super) struct Places(BTreeMap<&'static str, String>);

impl Places {
    pub(super) fn note(&mut self, place: &'static str, text: &str) {
        let place = self.0.entry(place).or_default();
        place.push_str(text);
        place.push('\n');
    }

    /// Notes all of an answer, and hands it on.
    pub(super) fn answered(&mut self, reply: Reply) -> Reply {
        self.note("answers", &format!("{} {:?}\n{}", reply.status, reply.headers, reply.text));
        reply
    }

    pub(super) fn holds(&self, place: &str, text: &str) -> bool {
        self.0.get(place).is_some_and(|place| place.contains(text))
    }

    /// Each place and form in which the secret is found.
    pub(super) fn search(&self, name: &str, secret: &str) -> Vec<String> {
        let mut found = Vec::new();
        for form in written(secret) {
            for (place, text) in &self.0 {
                if let Some(at) = text.find(&form) {
                    let begin = text.floor_char_boundary(at.saturating_sub(AROUND));
                    let end = text.ceil_char_boundary((at + form.len() + AROUND).min(text.len()));
                    found.push(format!("{name}, as `{form}`, in the {place}: …{}…", &text[begin..end]));
                }
            }
        }
        found
    }
}

/// A secret in clear, percent-encoded, in hex and in base64, wherever it stands in what is encoded.
pub(super) fn written(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent = |upper: bool| -> String {
        let escape = |byte: &u8| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) => char::from(*byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        bytes.iter().map(escape).collect()
    };
    let mut forms = vec![secret.to_owned(), percent(true), percent(false), hex.to_uppercase(), hex];
    for before in 0..3_usize {
        let padded = [&vec![0; before][..], bytes].concat();
        // What neighbours have a part in is left out at both ends: three bytes are four letters.
        let begin = (before * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&padded)[begin..end].to_owned());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}
