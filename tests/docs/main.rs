//! What the documents and examples say is what happens: links resolve, console blocks print what they show,
//! declarations parse, scripts run, and the examples' sources can be made again byte for byte.

#[cfg(test)]
mod console;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod examples;
#[cfg(test)]
#[path = "../../examples/lifecycle.rs"]
#[expect(dead_code, reason = "its main is for `cargo run --example`")]
mod lifecycle;
#[cfg(test)]
mod markdown;
#[cfg(test)]
mod shell;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "every test binary uses a part of it")]
mod support;
