//! A worker's groups: the channels of a device that are judged together.

use std::sync::Arc;

use tracing::{debug, warn};

use super::{Finding, Origin, Worker, settings};
use crate::device::{Channel, Device, Op};
use crate::joint::{self, Group, Row};
use crate::ledger::Count;
use crate::reading::ChannelId;
use crate::store::Record;

impl Worker {
    /// Gives a channel that was just opened its place in the rows of its device. The places that others had in earlier runs
    /// are kept for them.
    pub(super) fn seat(&mut self, from: Origin<'_>, channel: &str) {
        let Some(device) = self.devices.get(&from.device.0) else { return };
        if device.rows.is_empty() {
            let mut members = Vec::new();
            for group in 0.. {
                let name = joint::channel(group);
                if !self.open_group(from, &name, None) {
                    break;
                }
                members.extend_from_slice(self.members(from, &name));
            }
            if let Some(device) = self.devices.get_mut(&from.device.0) {
                device.rows.restore(&members);
            }
        }
        if let Some(device) = self.devices.get_mut(&from.device.0) {
            device.seat(channel);
        }
    }

    fn members(&self, from: Origin<'_>, group: &ChannelId) -> &[ChannelId] {
        let known = self.devices.get(&from.device.0).and_then(|known| known.channel(&group.0));
        known.and_then(Channel::members).unwrap_or_default()
    }

    /// Opens a group that is not there: restored if it was stored, else new for these channels. False if neither can be.
    pub(super) fn open_group(
        &mut self,
        from: Origin<'_>,
        name: &ChannelId,
        new: Option<&[ChannelId]>,
    ) -> bool {
        let Some(known) = self.devices.get_mut(&from.device.0) else { return false };
        if known.channel_mut(&name.0).is_some() {
            return true;
        }
        let saved = self.restored.get(from.device, name);
        let members = saved.as_ref().map(|saved| saved.members.as_slice()).or(new).unwrap_or_default();
        // Judged as the first one is that is to be judged so.
        let mut each = members.iter().filter_map(|member| settings(&self.plan, from.position, &member.0));
        let Some(settings) = each.find(|settings| settings.joint) else { return false };
        let settings = Arc::new(settings.of_group());
        let mut group = None;
        if let Some(saved) = saved {
            if !self.fits(0, saved.members.len()) {
                return false;
            }
            match Channel::restore(name.clone(), settings.clone(), saved.clone()) {
                Ok(channel) => {
                    self.note_growth(0, saved.members.len());
                    debug!(device = %from.device, channel = %name, "restored");
                    group = Some(channel);
                }
                Err(error) => {
                    self.ledger.add(Count::NotRestored, 1);
                    warn!(device = %from.device, channel = %name, "its stored model is not used, it learns anew: {error}");
                    let (device, channel) = (from.device.clone(), name.clone());
                    self.refused.push(Record { device, channel, saved });
                }
            }
        }
        let Some(group) = group.or_else(|| Channel::new(name.clone(), settings)) else { return false };
        self.ledger.add(Count::JointModels, 1);
        if let Some(known) = self.devices.get_mut(&from.device.0) {
            known.insert(group);
        }
        true
    }

    /// Whether there is memory for a group to grow from so many channels to so many. All workers share what the channels that
    /// may be add to it, see [`Channel::SHARE`].
    fn fits(&self, before: usize, after: usize) -> bool {
        let most = self.plan.gateway.max_channels.saturating_mul(Channel::SHARE);
        self.ledger.get(Count::JointBytes) as usize + Group::bytes(after) <= most + Group::bytes(before)
    }

    /// A group is not followed any more.
    pub(super) fn close_group(&self, members: usize) {
        self.ledger.add(Count::JointModels, 1u64.wrapping_neg());
        self.note_growth(members, 0);
    }

    /// A group has more channels now.
    pub(super) fn note_growth(&self, before: usize, after: usize) {
        let more = (Group::bytes(after) as u64).wrapping_sub(Group::bytes(before) as u64);
        self.ledger.add(Count::JointBytes, more);
    }

    /// Judges the rows of a device that are complete by what came in last.
    pub(super) fn judge_rows(&mut self, from: Origin<'_>, findings: &mut Vec<Finding>) {
        if self.cells.is_empty() {
            return;
        }
        let mut cells = std::mem::take(&mut self.cells);
        let mut rows = std::mem::take(&mut self.rows);
        match self.devices.get_mut(&from.device.0) {
            Some(device) => device.rows.take(&mut cells, |group, row| rows.push((group, row))),
            None => cells.clear(),
        }
        self.cells = cells;
        for (group, row) in rows.drain(..) {
            if let Some(count) = self.judge_row(from, group, row, findings) {
                self.ledger.add(count, 1);
            }
        }
        self.rows = rows;
    }

    /// One row; why it is not learnt, if it is not.
    fn judge_row(
        &mut self,
        from: Origin<'_>,
        group: usize,
        row: Row,
        findings: &mut Vec<Finding>,
    ) -> Option<Count> {
        let name = joint::channel(group);
        if !self.failed.is_empty() && self.rests(from.device, &name.0) {
            return Some(Count::RowsFailed);
        }
        let device = self.devices.get(&from.device.0)?;
        let members = device.rows.members(group);
        if device.channel(&name.0).and_then(Channel::members) != Some(members) {
            let members = members.to_vec();
            if !self.open_group(from, &name, Some(&members)) {
                return Some(Count::RowsOverCap);
            }
            let before = self.members(from, &name).len();
            if !self.fits(before, members.len()) {
                return Some(Count::RowsOverCap);
            }
            if let Some(outcome) = self.apply(from.device, &name.0, Op::Join(members)) {
                self.take(from.device, &name.0, outcome, false, findings);
            }
        }
        if let Some(outcome) = self.apply(from.device, &name.0, Op::Row(row)) {
            self.take(from.device, &name.0, outcome, false, findings);
        }
        None
    }

    /// Opens a group so that what a journal tells of it can be repeated.
    pub(super) fn open_for_replay(&mut self, from: Origin<'_>, channel: &str, op: &Op) -> bool {
        let new = if let Op::Join(members) = op { Some(members.as_slice()) } else { None };
        let device = || Device::new(from.device.clone(), from.position);
        self.devices.entry(from.device.0.clone()).or_insert_with(device);
        self.open_group(from, &ChannelId(channel.into()), new)
    }
}
