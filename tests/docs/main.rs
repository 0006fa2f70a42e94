//! What the documents and examples say is what happens: links resolve, console blocks print what they show,
//! declarations parse, scripts run, and the examples' sources can be made again byte for byte.

#[cfg(test)]
mod console;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod markdown;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "every test binary uses a part of it")]
mod support;
