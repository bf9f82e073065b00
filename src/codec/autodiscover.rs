//! Autodiscover: where a mailbox is served, in the three forms that clients ask for it. The plain XML of Outlook and the
//! SOAP service are in [MS-OXDSCLI] and [MS-OXWSADISC]; the JSON form is Microsoft's "Autodiscover v2".

pub mod json;
pub mod pox;
pub mod soap;

/// What is told of a mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub address: &'a str,
    /// The EWS URL, for callers inside and outside alike.
    pub ews_url: &'a str,
}
