#include "queue/claim.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "sql/queue.h"

namespace schedctl::queue {
namespace {

// So many guarded jobs are looked at before the claim hops from lane to lane.
constexpr int min_window = 500;

// PostgreSQL's timestamptz begins in 4713 BC; "-infinity" sorts before all of it.
db::Param position_time(Time time) {
  return time == Time::min() ? db::Param("-infinity") : db::Param(time);
}

struct Positions {
  std::vector<std::string> times;
  std::vector<job::JobId> ids;

  explicit Positions(const ClaimRequest& request) {
    for (const auto& position : request.after) {
      times.push_back(*position_time(position.time).text());
      ids.push_back(position.id);
    }
  }
};

// The columns that a claim returns.
enum Column {
  place,
  id,
  execution_id,
  attempts,
  interruptions,
  max_attempts,
  attempts_base,
  scheduled_for,
  job_type,
  timeout_ms,
  expired,
  slot,
  created_us,
  payload
};

Claimed read_claim(const db::Row& row, const ClaimRequest& request) {
  Claimed claimed;
  auto& claim = claimed.claim;
  claim.id = row[id].as<job::JobId>();
  claim.execution_id = row[execution_id].as<job::ExecutionId>();
  claim.token = request.token;
  claim.place = row[place].c_str();
  claim.job_type = row[job_type].c_str();
  claim.priority = request.priority;
  claim.attempt = row[attempts].as<int>();
  claim.interruptions = row[interruptions].as<int>();
  if (!row[max_attempts].is_null()) claim.max_attempts = row[max_attempts].as<int>();
  claim.attempts_base = row[attempts_base].as<int>();
  if (!row[timeout_ms].is_null()) claim.timeout = Duration(row[timeout_ms].as<std::int64_t>());
  if (const auto instant = db::optional_time_of(row[slot])) claim.slot = format_utc(*instant);
  claim.expired = *row[expired].c_str() == 't';
  if (request.with_payload) {
    claim.payload_left_out = row[payload].is_null();
    if (!claim.payload_left_out) claim.payload.assign(row[payload].c_str(), row[payload].size());
    claim.idempotency_key =
        fmt::format("{}-{}-{}", request.installation, claim.id, row[created_us].c_str());
  }
  claimed.scheduled_for = db::time_of(row[scheduled_for]);
  return claimed;
}

std::vector<Claimed> read_claims(const db::Result& rows, const ClaimRequest& request) {
  std::vector<Claimed> claimed;
  claimed.reserve(rows.size());
  for (const auto& row : rows) claimed.push_back(read_claim(row, request));
  std::sort(claimed.begin(), claimed.end(), [](const Claimed& a, const Claimed& b) {
    return std::pair(a.scheduled_for, a.claim.id) < std::pair(b.scheduled_for, b.claim.id);
  });
  return claimed;
}

}  // namespace

Waiting waiting(db::Transaction& tx, const std::vector<std::string>& job_types) {
  Waiting found;
  for (const auto& row : tx.exec(sql::queue::levels, job_types)) {
    const Time first = db::time_of(row[3]);
    if (row[0].is_null())
      found.plan_at = first;
    else
      found.levels.push_back(
          {row[0].c_str(), row[1].as<int>(), first, static_cast<ClaimClass>(row[2].as<int>())});
  }
  return found;
}

std::vector<Claimed> claim(db::Transaction& tx, const ClaimRequest& request) {
  const Positions after(request);
  return read_claims(
      tx.exec(sql::queue::claim, request.now, request.worker, request.token, request.limit,
              request.job_types, after.times, after.ids, request.priority, request.with_payload),
      request);
}

std::vector<Claimed> hold(db::Transaction& tx, const ClaimRequest& request) {
  const Positions after(request);
  tx.exec(sql::queue::plan_hold);
  return read_claims(tx.exec(sql::queue::hold, request.now, request.limit, request.job_types,
                             after.times, after.ids, request.priority),
                     request);
}

std::vector<Claimed> hold_guarded(db::Transaction& tx, const ClaimRequest& request) {
  tx.exec(sql::queue::lock_guarded);
  tx.exec(sql::queue::plan_hold);
  return read_claims(tx.exec(sql::queue::hold_guarded, request.now, request.limit,
                             request.job_types, request.priority),
                     request);
}

std::vector<Claimed> claim_guarded(db::Transaction& tx, const ClaimRequest& request,
                                   ClaimClass claim_class, const Limits& limits) {
  tx.exec(sql::queue::lock_guarded);
  const int window = std::max(min_window, 2 * request.limit);
  return read_claims(tx.exec(sql::queue::claim_guarded, request.now, request.worker, request.token,
                             request.limit, request.job_types, limits, request.priority,
                             static_cast<int>(claim_class), request.with_payload, window),
                     request);
}

bool load_payload(db::Transaction& tx, job::Claim& claim) {
  const auto rows = tx.exec(sql::queue::payload, claim.id, claim.execution_id, claim.token);
  if (rows.empty()) return false;
  claim.payload.assign(rows[0][0].c_str(), rows[0][0].size());
  claim.payload_left_out = false;
  return true;
}

db::Result due(db::Transaction& tx, Time now, const std::vector<std::string>& job_types,
               int limit) {
  return tx.exec(sql::queue::due, now, job_types, limit);
}

std::string draw_token() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string token;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) token += '-';
    token += fmt::format("{:02x}", bytes[i]);
  }
  return token;
}

}  // namespace schedctl::queue
