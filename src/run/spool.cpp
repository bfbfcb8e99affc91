#include "run/spool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "db/transaction.h"
#include "queue/claim.h"
#include "queue/late.h"
#include "util/log.h"
#include "util/private_file.h"

namespace schedctl::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using queue::LogLine;
using queue::Settled;

constexpr const char* extension = ".json";
constexpr int format_version = 1;

template <typename Value>
Json nullable(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

template <typename Value>
std::optional<Value> optional_at(const Json& json, const char* key) {
  const auto& value = json.at(key);
  return value.is_null() ? std::nullopt : std::optional(value.get<Value>());
}

std::int64_t microseconds(Time time) { return time.time_since_epoch().count(); }
Time time_of(std::int64_t us) { return Time(Time::duration(us)); }

// What the fence, the verdict and the history need; the retry policy is read again at the replay.
Json to_json(const Settled& settled) {
  const auto& [claim, outcome, started_at, finished_at, retry] = settled;
  return {{"job", claim.id},
          {"execution", claim.execution_id},
          {"token", claim.token},
          {"job_type", claim.job_type},
          {"attempt", claim.attempt},
          {"interruptions", claim.interruptions},
          {"max_attempts", nullable(claim.max_attempts)},
          {"attempts_base", claim.attempts_base},
          {"result", static_cast<int>(outcome.result)},
          {"error_class", outcome.error_class},
          {"error_message", outcome.error_message},
          {"json", nullable(outcome.json)},
          {"exit_code", nullable(outcome.exit_code)},
          {"signal", nullable(outcome.signal)},
          {"retry_after_ms", outcome.retry_after ? Json(outcome.retry_after->count()) : Json()},
          {"cpu_ms", nullable(outcome.cpu_ms)},
          {"peak_rss_bytes", nullable(outcome.peak_rss_bytes)},
          {"started_us", started_at ? Json(microseconds(*started_at)) : Json()},
          {"finished_us", microseconds(finished_at)}};
}

job::Result result_of(int number) {
  if (number < 0 || number >= static_cast<int>(job::Result::given_back))
    throw DataError(fmt::format("result {}: unknown", number));
  return static_cast<job::Result>(number);
}

Settled settled_of(const Json& json, const config::Config& config) {
  Settled settled;
  auto& claim = settled.claim;
  claim.id = json.at("job");
  claim.execution_id = json.at("execution");
  claim.token = json.at("token");
  claim.job_type = json.at("job_type");
  claim.attempt = json.at("attempt");
  claim.interruptions = json.at("interruptions");
  claim.max_attempts = optional_at<int>(json, "max_attempts");
  claim.attempts_base = json.at("attempts_base");
  auto& outcome = settled.outcome;
  outcome.result = result_of(json.at("result"));
  outcome.error_class = json.at("error_class");
  outcome.error_message = json.at("error_message");
  outcome.json = optional_at<std::string>(json, "json");
  outcome.exit_code = optional_at<int>(json, "exit_code");
  outcome.signal = optional_at<int>(json, "signal");
  if (const auto ms = optional_at<std::int64_t>(json, "retry_after_ms"))
    outcome.retry_after = Duration(*ms);
  outcome.cpu_ms = optional_at<std::int64_t>(json, "cpu_ms");
  outcome.peak_rss_bytes = optional_at<std::int64_t>(json, "peak_rss_bytes");
  if (const auto us = optional_at<std::int64_t>(json, "started_us"))
    settled.started_at = time_of(*us);
  settled.finished_at = time_of(json.at("finished_us"));
  const auto handler = config.handlers.find(claim.job_type);
  const auto& retry = handler == config.handlers.end() ? config.retry : handler->second.retry;
  settled.retry = {retry.max_retries, retry.backoff, config.recovery.max_interruptions};
  return settled;
}

// Short, as there may be thousands: execution, time, stream, message.
Json to_json(const LogLine& line) {
  return Json::array({line.execution, microseconds(line.at), line.stream, line.message});
}

LogLine line_of(const Json& json) {
  LogLine line{json.at(0), time_of(json.at(1)), nullptr, json.at(3)};
  for (const char* stream : {"stdout", "stderr", "schedctl"})
    if (json.at(2) == stream) line.stream = stream;
  if (!line.stream) throw DataError(fmt::format("stream {}: unknown", json.at(2).dump()));
  return line;
}

struct File {
  std::string installation;
  std::string worker;
  Unstored unstored;
};

// From the descriptor that was checked, whatever lies at its path by now.
std::string read_all(const Fd& fd) {
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const auto count = read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::system_error(errno, std::generic_category(), "read");
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

// Throws Error, or an exception of the parser, when the file is not what keep() writes.
File read_file(const std::string& path, const config::Config& config) {
  const auto json = Json::parse(read_all(open_private_file(path, Create::no)));
  if (json.at("version") != format_version)
    throw DataError(fmt::format("version {}: unknown", json.at("version").dump()));
  File file{json.at("installation"), json.at("worker"), {}};
  for (const auto& one : json.at("outcomes"))
    file.unstored.outcomes.push_back(settled_of(one, config));
  if (const auto lines = json.find("lines"); lines != json.end())  // an older version keeps none
    for (const auto& one : *lines) file.unstored.lines.push_back(line_of(one));
  return file;
}

// What a crash has left half written has never counted.
std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code none;
  for (fs::directory_iterator file(folder, none), end; !none && file != end; file.increment(none))
    if (file->path().extension() == extension) files.push_back(file->path());
  std::sort(files.begin(), files.end());
  return files;
}

// Lines first, as they would have come.
void store(db::Connection& connection, const Unstored& unstored, const std::string& worker) {
  const auto& [outcomes, lines] = unstored;
  db::Transaction tx(connection);
  if (!lines.empty()) queue::write_logs_once(tx, lines);
  std::vector<job::ExecutionId> stored;
  if (!outcomes.empty()) stored = queue::settle(tx, outcomes, worker);
  std::vector<Settled> late;
  for (const auto& settled : outcomes)
    if (std::find(stored.begin(), stored.end(), settled.claim.execution_id) == stored.end())
      late.push_back(settled);
  const auto kept = late.empty() ? 0 : queue::keep_late(tx, late);
  tx.commit();
  log::warn("stored what the database had not taken in time",
            {{"worker", worker},
             {"outcomes", static_cast<long>(stored.size())},
             {"late", static_cast<long>(kept)},
             {"log_lines", static_cast<long>(lines.size())}});
}

// Empty, or why the server refuses one of them for good: that one keeps no other from being stored.
std::string store_all(db::Connection& connection, const Unstored& unstored,
                      const std::string& worker) {
  try {
    store(connection, unstored, worker);
    return "";
  } catch (const DatabaseError& e) {
    if (e.connection_lost() || e.transient()) throw;
    if (unstored.outcomes.size() + unstored.lines.size() == 1) return e.what();
  }
  std::string why;
  const auto try_one = [&](const Unstored& one) {
    if (const auto fault = store_all(connection, one, worker); !fault.empty()) why = fault;
  };
  for (const auto& line : unstored.lines) try_one({{}, {line}});
  for (const auto& settled : unstored.outcomes) try_one({{settled}, {}});
  return why;
}

void set_aside(const std::string& path, const std::string& why) {
  log::error("a file of the spool cannot be used and is set aside",
             {{"file", path + ".bad"}, {"error", why}});
  std::error_code ignored;
  fs::rename(path, path + ".bad", ignored);
}

}  // namespace

std::string Spool::folder_for(const std::string& lock_file) {
  constexpr std::string_view volatile_folder = "/run/";
  return lock_file.starts_with(volatile_folder)
             ? "/var/spool/" + lock_file.substr(volatile_folder.size())
             : lock_file + ".spool";
}

Spool::Spool(const config::Config& config, std::string installation)
    : folder_(folder_for(config.process.lock_file)), installation_(std::move(installation)) {}

void Spool::keep(const Unstored& unstored, const std::string& worker) const {
  Json outcomes = Json::array(), lines = Json::array();
  for (const auto& settled : unstored.outcomes) outcomes.push_back(to_json(settled));
  for (const auto& line : unstored.lines) lines.push_back(to_json(line));
  const Json file = {{"version", format_version},
                     {"installation", installation_},
                     {"worker", worker},
                     {"outcomes", std::move(outcomes)},
                     {"lines", std::move(lines)}};
  make_private_folder(folder_);
  write_private_file(fmt::format("{}/{}-{}{}", folder_, getpid(), queue::draw_token(), extension),
                     file.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Spool::replay(db::Connection& connection, const config::Config& config) const {
  if (!has_private_folder(folder_)) return;
  for (const auto& path : files_in(folder_)) {
    try {
      const auto file = read_file(path, config);
      if (file.installation != installation_)
        log::warn("a file of the spool belongs to another installation", {{"file", path}});
      else if (const auto why = store_all(connection, file.unstored, file.worker); why.empty())
        fs::remove(path);
      else
        set_aside(path, why);
    } catch (const DatabaseError&) {
      throw;
    } catch (const std::exception& e) {
      set_aside(path, e.what());
    }
  }
}

}  // namespace schedctl::run
