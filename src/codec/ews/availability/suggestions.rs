//! `SuggestionsViewOptions` and `SuggestionsResponse` ([MS-OXWAVLS] sections 2.2.4.18 and 2.2.4.16): how suggested times
//! are asked for and told. Which times are worth suggesting is worked out in the domain.

use std::borrow::Cow;

use super::request::{DATE_TIME, read_window, write_window};
use super::{Window, busy_type};
use crate::codec::ews::fault::Fault;
use crate::codec::xml::{Cursor, Element, Moment, Ns, Sequence, XmlWriter};
use crate::domain::suggestion::{Conflict, GroupConflict, Quality, SuggestedDay, Suggestion};
use crate::domain::zone::LocalView;

/// The values as written; whether they are in range is the face's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestionsOptions {
    /// Per cent.
    pub good_threshold: Option<i32>,
    pub per_day: Option<i32>,
    pub per_day_outside: Option<i32>,
    /// Minutes.
    pub duration: Option<i32>,
    pub minimum: Option<Quality>,
    pub window: Window,
    pub current: Option<Moment>,
    /// Which meeting is to be moved, as its calendar names it. Free/busy data names no meetings, so it is not used.
    pub global_object_id: Option<String>,
}

/// The elements of numbers, in schema order.
const NUMBERS: [&str; 4] = [
    "GoodThreshold",
    "MaximumResultsByDay",
    "MaximumNonWorkHourResultsByDay",
    "MeetingDurationInMinutes",
];

const QUALITY_TYPE: &str =
    "http://schemas.microsoft.com/exchange/services/2006/types:SuggestionQuality";

impl SuggestionsOptions {
    pub(super) fn read<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Self, Fault> {
        cursor.only_attributes(element, &[])?;
        let mut parts = Sequence::of(cursor);
        let mut numbers = [None; 4];
        for (number, local) in numbers.iter_mut().zip(NUMBERS) {
            *number = parts.optional_int(cursor, Ns::Types, local)?;
        }
        let [good_threshold, per_day, per_day_outside, duration] = numbers;
        let name = (Ns::Types, "MinimumSuggestionQuality");
        let minimum = parts.optional_value(cursor, name, QUALITY_TYPE, parse_quality)?;
        let window = parts.required(cursor, Ns::Types, "DetailedSuggestionsWindow")?;
        let window = read_window(cursor, &window)?;
        let name = (Ns::Types, "CurrentMeetingTime");
        let current = parts.optional_value(cursor, name, DATE_TIME, Moment::parse)?;
        let global_object_id = parts.optional_string(cursor, Ns::Types, "GlobalObjectId")?;
        let global_object_id = global_object_id.map(Cow::into_owned);
        parts.end(cursor)?;
        Ok(Self {
            good_threshold,
            per_day,
            per_day_outside,
            duration,
            minimum,
            window,
            current,
            global_object_id,
        })
    }

    /// The element, with the prefix `t`.
    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.raw("<t:SuggestionsViewOptions>");
        if let Some(number) = self.good_threshold {
            w.raw("<t:GoodThreshold>")
                .number(number)
                .raw("</t:GoodThreshold>");
        }
        if let Some(number) = self.per_day {
            w.raw("<t:MaximumResultsByDay>")
                .number(number)
                .raw("</t:MaximumResultsByDay>");
        }
        if let Some(number) = self.per_day_outside {
            w.raw("<t:MaximumNonWorkHourResultsByDay>")
                .number(number)
                .raw("</t:MaximumNonWorkHourResultsByDay>");
        }
        if let Some(number) = self.duration {
            w.raw("<t:MeetingDurationInMinutes>")
                .number(number)
                .raw("</t:MeetingDurationInMinutes>");
        }
        if let Some(minimum) = self.minimum {
            w.raw("<t:MinimumSuggestionQuality>")
                .raw(quality_name(minimum))
                .raw("</t:MinimumSuggestionQuality>");
        }
        w.raw("<t:DetailedSuggestionsWindow>");
        write_window(w, &self.window);
        w.raw("</t:DetailedSuggestionsWindow>");
        if let Some(current) = self.current {
            w.raw("<t:CurrentMeetingTime>")
                .text(&super::request::moment_text(current))
                .raw("</t:CurrentMeetingTime>");
        }
        if let Some(id) = &self.global_object_id {
            w.raw("<t:GlobalObjectId>")
                .text(id)
                .raw("</t:GlobalObjectId>");
        }
        w.raw("</t:SuggestionsViewOptions>");
    }
}

fn parse_quality(text: &str) -> Option<Quality> {
    [
        Quality::Poor,
        Quality::Fair,
        Quality::Good,
        Quality::Excellent,
    ]
    .into_iter()
    .find(|quality| quality_name(*quality) == text)
}

fn quality_name(quality: Quality) -> &'static str {
    match quality {
        Quality::Poor => "Poor",
        Quality::Fair => "Fair",
        Quality::Good => "Good",
        Quality::Excellent => "Excellent",
    }
}

/// What is said of suggestions.
#[derive(Debug, Clone, Copy)]
pub enum SuggestionsPart<'a> {
    NotAsked,
    /// Another Exchange server passes a question on: it makes its suggestions itself.
    Unavailable,
    Told(Told<'a>),
}

/// Suggested times, told on the caller's clock.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub days: &'a [SuggestedDay],
    pub zone: &'a LocalView,
    /// Callers before Exchange 2013 do not know `WorkingElsewhere` and are told Free.
    pub working_elsewhere: bool,
}

impl SuggestionsPart<'_> {
    pub(super) fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::NotAsked => {}
            Self::Unavailable => {
                w.raw(concat!(
                    r#"<SuggestionsResponse><ResponseMessage ResponseClass="Error">"#,
                    "<MessageText>Meeting suggestions are not made for another server.</MessageText>",
                    "<ResponseCode>ErrorMeetingSuggestionGenerationFailed</ResponseCode>",
                    "<DescriptiveLinkKey>0</DescriptiveLinkKey><MessageXml/></ResponseMessage></SuggestionsResponse>"
                ));
            }
            Self::Told(told) => {
                w.raw(concat!(
                    r#"<SuggestionsResponse><ResponseMessage ResponseClass="Success">"#,
                    "<ResponseCode>NoError</ResponseCode></ResponseMessage><SuggestionDayResultArray>"
                ));
                for day in told.days {
                    told.write_day(w, day);
                }
                w.raw("</SuggestionDayResultArray></SuggestionsResponse>");
            }
        }
    }

    /// Bytes that the part takes, about.
    pub(super) fn expected_size(&self) -> usize {
        match self {
            Self::NotAsked | Self::Unavailable => 512,
            Self::Told(told) => told
                .days
                .iter()
                .flat_map(|day| &day.suggestions)
                .map(|each| 250 + each.conflicts.len() * 110)
                .sum::<usize>()
                .saturating_add(told.days.len() * 250),
        }
    }
}

impl Told<'_> {
    fn write_day(&self, w: &mut XmlWriter, day: &SuggestedDay) {
        w.raw(r#"<SuggestionDayResult xmlns="http://schemas.microsoft.com/exchange/services/2006/types"><Date>"#);
        w.text(&day.date.to_string())
            .raw("T00:00:00</Date><DayQuality>")
            .raw(quality_name(day.quality));
        w.raw("</DayQuality><SuggestionArray>");
        for suggestion in &day.suggestions {
            self.write_suggestion(w, suggestion);
        }
        w.raw("</SuggestionArray></SuggestionDayResult>");
    }

    fn write_suggestion(&self, w: &mut XmlWriter, suggestion: &Suggestion) {
        w.raw("<Suggestion><MeetingTime>")
            .local_time(self.zone.local_seconds(suggestion.start));
        w.raw("</MeetingTime><IsWorkTime>")
            .raw(if suggestion.is_work_time {
                "true"
            } else {
                "false"
            })
            .raw("</IsWorkTime><SuggestionQuality>")
            .raw(quality_name(suggestion.quality));
        w.raw("</SuggestionQuality><AttendeeConflictDataArray>");
        for conflict in &suggestion.conflicts {
            match conflict {
                Conflict::Individual(status) => {
                    w.raw("<IndividualAttendeeConflictData><BusyType>")
                        .raw(busy_type(*status, self.working_elsewhere))
                        .raw("</BusyType></IndividualAttendeeConflictData>");
                }
                Conflict::Group(group) => write_group(w, group),
                Conflict::TooBigGroup => {
                    w.raw("<TooBigGroupAttendeeConflictData/>");
                }
                Conflict::Unknown => {
                    w.raw("<UnknownAttendeeConflictData/>");
                }
            }
        }
        w.raw("</AttendeeConflictDataArray></Suggestion>");
    }
}

fn write_group(w: &mut XmlWriter, group: &GroupConflict) {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    w.raw("<GroupAttendeeConflictData><NumberOfMembers>")
        .number(number(group.members));
    w.raw("</NumberOfMembers><NumberOfMembersAvailable>")
        .number(number(group.available));
    w.raw("</NumberOfMembersAvailable><NumberOfMembersWithConflict>")
        .number(number(group.in_conflict));
    w.raw("</NumberOfMembersWithConflict><NumberOfMembersWithNoData>")
        .number(number(group.unknown));
    w.raw("</NumberOfMembersWithNoData></GroupAttendeeConflictData>");
}
