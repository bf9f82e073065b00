//! The page around a payload: one form that submits itself to the calendar that asked. Nothing else in it runs, which a
//! browser is told as well.

use super::escape::push_attribute;

/// The one script of the page.
const SCRIPT: &str = "document.getElementById(\"Form1\").submit();";

/// What a browser may do with the page: run this script, whose SHA-256 it is, and nothing else. Where the form goes is not
/// restricted: the calendar may pass it on to another of its hosts.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; base-uri 'none'; script-src 'sha256-80xIX4uL1KYPS4Ib9uceqAc6/8kq7Ttr1RpV2vrNR9k='";

/// Bytes of a payload that tells little.
const SHORT_PAYLOAD: usize = 512;

const HEAD: &str = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \
\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
<html xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n\
<title>Free/busy</title>\n</head>\n<body>\n<form id=\"Form1\" method=\"POST\" action=\"";
const VALUE: &str = "\">\n<div><input name=\"text\" value=\"";
const TAIL: &str = "\" /></div>\n</form>\n<script type=\"text/javascript\">";
const END: &str = "</script>\n</body>\n</html>\n";

/// The page of one submit URL.
#[derive(Debug, Clone)]
pub struct Page {
    /// Up to where the payload stands.
    head: String,
}

impl Page {
    #[must_use]
    pub fn new(submit_url: &str) -> Self {
        let mut head = HEAD.to_owned();
        push_attribute(&mut head, submit_url);
        head.push_str(VALUE);
        Self { head }
    }

    /// The whole page around a payload, which `push` writes as the value of an attribute in double quotes.
    pub fn around(&self, push: impl FnOnce(&mut String)) -> String {
        let frame = self.head.len() + TAIL.len() + SCRIPT.len() + END.len();
        let mut page = String::with_capacity(frame + SHORT_PAYLOAD);
        page.push_str(&self.head);
        push(&mut page);
        for piece in [TAIL, SCRIPT, END] {
            page.push_str(piece);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_policy_names_the_script() {
        let sum = STANDARD.encode(digest(&SHA256, SCRIPT.as_bytes()));
        assert!(
            CONTENT_SECURITY_POLICY.ends_with(&format!("'sha256-{sum}'")),
            "{sum}"
        );
    }

    #[test]
    fn neither_the_url_nor_the_payload_ends_its_attribute() {
        let page = Page::new("https://slot.example.org/in?a=1&u=\"><script>");
        let page = page.around(|out| push_attribute(out, "[\"</script>\",'&quot;']"));
        assert!(
            page.contains(
                "action=\"https://slot.example.org/in?a=1&amp;u=&quot;&gt;&lt;script&gt;\""
            )
        );
        assert!(page.contains("value=\"[&quot;&lt;/script&gt;&quot;,'&amp;quot;']\""));
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("<input").count(), 1);
    }
}
