//! `m:GetUserAvailabilityRequest`, in schema order ([MS-OXWAVLS] section 2.2.4.1, types.xsd of Exchange SE).

use std::borrow::Cow;
use std::sync::Arc;

use super::{SuggestionsOptions, View};
use crate::codec::ews::fault::Fault;
use crate::codec::ews::zone_rules;
use crate::codec::xml::{Cursor, Element, Moment, Ns, Sequence, XmlWriter};
use crate::domain::zone::ZoneRules;
use crate::domain::{Attendee, AttendeeRole, MailboxError, SmtpAddress};

/// The request, each value of the right type; whether the values make sense together is the face's question.
#[derive(Debug, Clone, PartialEq)]
pub struct AvailabilityRequest {
    pub zone: Option<ZoneRules>,
    pub attendees: Arc<[Attendee]>,
    pub free_busy: Option<FreeBusyOptions>,
    pub suggestions: Option<SuggestionsOptions>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FreeBusyOptions {
    pub window: Window,
    /// Minutes.
    pub interval: Option<i32>,
    /// A list type: several views may be asked for. None where the element is missing.
    pub views: Option<Vec<View>>,
}

/// Start and end as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: Moment,
    pub end: Moment,
}

impl AvailabilityRequest {
    /// The content of the request's element.
    pub(in crate::codec::ews) fn read<'a>(
        cursor: &mut Cursor<'a>,
        element: &Element<'a>,
    ) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let zone = match parts.optional(cursor, Ns::Types, "TimeZone")? {
            Some(element) => {
                cursor.only_attributes(&element, &[])?;
                Some(zone_rules::read(cursor)?)
            }
            None => None,
        };
        let array = parts.required(cursor, Ns::Messages, "MailboxDataArray")?;
        cursor.only_attributes(&array, &[])?;
        let attendees = read_attendees(cursor)?;
        let free_busy = match parts.optional(cursor, Ns::Types, "FreeBusyViewOptions")? {
            Some(element) => Some(read_free_busy_options(cursor, &element)?),
            None => None,
        };
        let suggestions = match parts.optional(cursor, Ns::Types, "SuggestionsViewOptions")? {
            Some(element) => Some(SuggestionsOptions::read(cursor, &element)?),
            None => None,
        };
        parts.end(cursor)?;
        Ok(Self {
            zone,
            attendees,
            free_busy,
            suggestions,
        })
    }
}

fn read_attendees(cursor: &mut Cursor<'_>) -> Result<Arc<[Attendee]>, Fault> {
    let mut attendees: Vec<Attendee> = Vec::new();
    let mut array = Sequence::of(cursor);
    // Programs write them all alike, but for the address.
    let mut alike = None;
    loop {
        if let Some((form, role, exclude_conflicts)) = &alike
            && let Some(address) = cursor.repeated(form)
        {
            attendees.push(Attendee {
                mailbox: parse_address(address),
                role: *role,
                exclude_conflicts: *exclude_conflicts,
            });
            continue;
        }
        let from = cursor.place();
        let Some(element) = array.optional(cursor, Ns::Types, "MailboxData")? else {
            break;
        };
        cursor.only_attributes(&element, &[])?;
        if cursor.is_nil(&element) {
            Sequence::of(cursor).end(cursor)?;
            let mailbox = Err(MailboxError::InvalidAddress);
            attendees.push(Attendee {
                mailbox,
                role: AttendeeRole::default(),
                exclude_conflicts: false,
            });
            continue;
        }
        let (attendee, address) = read_attendee(cursor)?;
        let form = cursor.form(from, &address);
        alike = form
            .filter(|_| attendee.mailbox.is_ok())
            .map(|form| (form, attendee.role, attendee.exclude_conflicts));
        attendees.push(attendee);
    }
    array.end(cursor)?;
    Ok(attendees.into())
}

/// An attendee, and its address as it is written.
fn read_attendee<'a>(cursor: &mut Cursor<'a>) -> Result<(Attendee, Cow<'a, str>), Fault> {
    let mut parts = Sequence::of(cursor);
    let email = parts.required(cursor, Ns::Types, "Email")?;
    cursor.only_attributes(&email, &[])?;
    let (mailbox, address) = read_email(cursor)?;
    let role = parts.value(
        cursor,
        (Ns::Types, "AttendeeType"),
        "http://schemas.microsoft.com/exchange/services/2006/types:MeetingAttendeeType",
        parse_role,
    )?;
    let exclude_conflicts = parts.optional_boolean(cursor, Ns::Types, "ExcludeConflicts")?;
    parts.end(cursor)?;
    let attendee = Attendee {
        mailbox,
        role,
        exclude_conflicts: exclude_conflicts.unwrap_or(false),
    };
    Ok((attendee, address))
}

type Mailbox = Result<SmtpAddress, MailboxError>;

/// `t:Email`, and the address in it as it is written. One that is no SMTP address keeps its place as an error; one of
/// another routing type (a legacy distinguished name) is of nobody we could ask.
fn read_email<'a>(cursor: &mut Cursor<'a>) -> Result<(Mailbox, Cow<'a, str>), Fault> {
    let mut parts = Sequence::of(cursor);
    parts.optional_string(cursor, Ns::Types, "Name")?;
    let address = parts.string(cursor, Ns::Types, "Address")?;
    let routing = parts.optional_string(cursor, Ns::Types, "RoutingType")?;
    parts.end(cursor)?;
    let foreign = routing
        .as_deref()
        .map(str::trim)
        .is_some_and(|routing| routing.eq_ignore_ascii_case("EX"));
    let mailbox = if foreign {
        Err(MailboxError::NotFound)
    } else {
        parse_address(&address)
    };
    Ok((mailbox, address))
}

fn parse_address(text: &str) -> Mailbox {
    SmtpAddress::parse(text).map_err(|_| MailboxError::InvalidAddress)
}

fn parse_role(text: &str) -> Option<AttendeeRole> {
    Some(match text {
        "Organizer" => AttendeeRole::Organizer,
        "Required" => AttendeeRole::Required,
        "Optional" => AttendeeRole::Optional,
        "Room" => AttendeeRole::Room,
        "Resource" => AttendeeRole::Resource,
        _ => return None,
    })
}

fn read_free_busy_options<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
) -> Result<FreeBusyOptions, Fault> {
    cursor.only_attributes(element, &[])?;
    let mut parts = Sequence::of(cursor);
    let window = parts.required(cursor, Ns::Types, "TimeWindow")?;
    let window = read_window(cursor, &window)?;
    let interval = parts.optional_int(cursor, Ns::Types, "MergedFreeBusyIntervalInMinutes")?;
    let views = parts.optional_value(
        cursor,
        (Ns::Types, "RequestedView"),
        "http://schemas.microsoft.com/exchange/services/2006/types:FreeBusyViewType",
        |text| text.split_ascii_whitespace().map(View::parse).collect(),
    )?;
    parts.end(cursor)?;
    Ok(FreeBusyOptions {
        window,
        interval,
        views,
    })
}

pub(super) fn read_window<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
) -> Result<Window, Fault> {
    cursor.only_attributes(element, &[])?;
    let mut parts = Sequence::of(cursor);
    let types = |local| (Ns::Types, local);
    let start = parts.value(cursor, types("StartTime"), DATE_TIME, Moment::parse)?;
    let end = parts.value(cursor, types("EndTime"), DATE_TIME, Moment::parse)?;
    parts.end(cursor)?;
    Ok(Window { start, end })
}

pub(super) const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema:dateTime";

impl AvailabilityRequest {
    /// The request's element, to be put into an envelope that declares the prefixes `m` and `t`. An attendee without a
    /// usable address is written with an empty one.
    pub fn write(&self, w: &mut XmlWriter) {
        w.raw("<m:GetUserAvailabilityRequest>");
        if let Some(zone) = &self.zone {
            w.raw(
                r#"<TimeZone xmlns="http://schemas.microsoft.com/exchange/services/2006/types">"#,
            );
            zone_rules::write(w, zone);
            w.raw("</TimeZone>");
        }
        w.raw("<m:MailboxDataArray>");
        for attendee in &*self.attendees {
            write_attendee(w, attendee);
        }
        w.raw("</m:MailboxDataArray>");
        if let Some(options) = &self.free_busy {
            write_free_busy_options(w, options);
        }
        if let Some(options) = &self.suggestions {
            options.write(w);
        }
        w.raw("</m:GetUserAvailabilityRequest>");
    }
}

pub(in crate::codec::ews) fn write_attendee(w: &mut XmlWriter, attendee: &Attendee) {
    w.raw("<t:MailboxData><t:Email><t:Address>");
    w.text(attendee.mailbox.as_ref().map_or("", SmtpAddress::as_str));
    w.raw("</t:Address><t:RoutingType>");
    w.raw(if attendee.mailbox == Err(MailboxError::NotFound) {
        "EX"
    } else {
        "SMTP"
    });
    w.raw("</t:RoutingType></t:Email><t:AttendeeType>")
        .raw(match attendee.role {
            AttendeeRole::Organizer => "Organizer",
            AttendeeRole::Required => "Required",
            AttendeeRole::Optional => "Optional",
            AttendeeRole::Room => "Room",
            AttendeeRole::Resource => "Resource",
        });
    w.raw("</t:AttendeeType><t:ExcludeConflicts>")
        .raw(if attendee.exclude_conflicts {
            "true"
        } else {
            "false"
        });
    w.raw("</t:ExcludeConflicts></t:MailboxData>");
}

fn write_free_busy_options(w: &mut XmlWriter, options: &FreeBusyOptions) {
    w.raw("<t:FreeBusyViewOptions><t:TimeWindow>");
    write_window(w, &options.window);
    w.raw("</t:TimeWindow>");
    if let Some(interval) = options.interval {
        w.raw("<t:MergedFreeBusyIntervalInMinutes>")
            .number(interval)
            .raw("</t:MergedFreeBusyIntervalInMinutes>");
    }
    if let Some(views) = &options.views {
        let names: Vec<_> = views.iter().map(|view| view.as_str()).collect();
        w.raw("<t:RequestedView>")
            .text(&names.join(" "))
            .raw("</t:RequestedView>");
    }
    w.raw("</t:FreeBusyViewOptions>");
}

pub(super) fn write_window(w: &mut XmlWriter, window: &Window) {
    w.raw("<t:StartTime>")
        .text(&moment_text(window.start))
        .raw("</t:StartTime>");
    w.raw("<t:EndTime>")
        .text(&moment_text(window.end))
        .raw("</t:EndTime>");
}

pub(super) fn moment_text(moment: Moment) -> String {
    match moment {
        Moment::Local(local) => local.to_string(),
        Moment::Instant(instant) => instant.to_string(),
    }
}

#[cfg(test)]
mod tests;
