#include "chaos/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace schedctl::chaos {
namespace {

constexpr std::array<const char*, 5> kinds{"start", "child", "end", "gone", "act"};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int open_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fail(path);
  return fd;
}

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// What /proc says of a process behind its name, which may hold anything: its state first.
std::string stat_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos ? "" : text.substr(name_end + 2);
}

// The start time is the 22nd field, the state the third.
ProcessId live_process(pid_t pid) {
  std::istringstream fields(stat_of(pid));
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  ProcessId found;
  if (fields >> found.ticks && state != "Z" && state != "X") found.pid = pid;
  return found;
}

std::string text_or_dash(const std::string& text) { return text.empty() ? "-" : text; }

void read_text(std::istringstream& in, std::string& text) {
  in >> text;
  if (text == "-") text.clear();
}

}  // namespace

ProcessId own_process() { return live_process(getpid()); }

bool alive(const ProcessId& process) { return live_process(process.pid) == process; }

std::string to_line(const Record& r) {
  std::ostringstream out;
  out << kinds.at(static_cast<std::size_t>(r.kind)) << ' ' << r.at_ns << ' ' << r.process.pid << ' '
      << r.process.ticks << ' ' << r.run << ' ' << r.job << ' ' << r.execution << ' ' << r.attempt
      << ' ' << r.exit_code << ' ' << text_or_dash(r.host) << ' ' << text_or_dash(r.name) << ' '
      << text_or_dash(r.group) << ' ' << text_or_dash(r.key);
  auto line = out.str();
  if (line.size() >= line_bytes) throw std::runtime_error("too long for the journal: " + line);
  line.resize(line_bytes - 1, ' ');
  return line + '\n';
}

Record from_line(const std::string& line) {
  std::istringstream in(line);
  Record r;
  std::string kind, rest;
  in >> kind >> r.at_ns >> r.process.pid >> r.process.ticks >> r.run >> r.job >> r.execution >>
      r.attempt >> r.exit_code;
  for (auto* text : {&r.host, &r.name, &r.group, &r.key}) read_text(in, *text);
  std::size_t number = 0;
  while (number < kinds.size() && kind != kinds[number]) ++number;
  if (!in || number == kinds.size() || in >> rest)
    throw std::runtime_error("no line of a journal: " + line);
  r.kind = static_cast<Record::Kind>(number);
  return r;
}

std::vector<Record> read_journal(const std::string& folder) {
  std::ifstream file(folder + "/journal");
  std::vector<Record> records;
  for (std::string line; std::getline(file, line);) records.push_back(from_line(line));
  return records;
}

Ledger::Ledger(const std::string& folder)
    : journal_(open_file(folder + "/journal")), roster_(open_file(folder + "/roster")) {
  while (flock(journal_, LOCK_EX) != 0)
    if (errno != EINTR) fail("lock of " + folder + "/journal");
}

Ledger::~Ledger() {
  close(roster_);
  close(journal_);
}

void Ledger::append(Record record) {
  record.at_ns = now_ns();
  const auto line = to_line(record);
  const auto end = lseek(journal_, 0, SEEK_END);
  if (pwrite(journal_, line.data(), line.size(), end) != static_cast<ssize_t>(line.size()))
    fail("write to the journal");
}

// In this order: what is in the journal alone would never be found dead.
void Ledger::enter(Record record) {
  const auto all = slots();
  std::size_t free = 0;
  while (free < all.size() && all[free].process.pid != 0) ++free;
  put(free, {record.process, record.job, record.execution, record.run, record.attempt});
  append(std::move(record));
}

// In this order: to be found dead twice does no harm.
void Ledger::sweep() {
  const auto all = slots();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& entry = all[i];
    if (entry.process.pid == 0 || alive(entry.process)) continue;
    Record record;
    record.kind = Record::Kind::gone;
    record.process = entry.process;
    record.run = entry.run;
    record.job = entry.job;
    record.execution = entry.execution;
    record.attempt = entry.attempt;
    append(record);
    put(i, {});
  }
}

std::vector<Ledger::Entry> Ledger::roster() const {
  auto entries = slots();
  std::erase_if(entries, [](const Entry& entry) { return entry.process.pid == 0; });
  return entries;
}

std::vector<Ledger::Entry> Ledger::slots() const {
  struct stat found {};
  if (fstat(roster_, &found) != 0) fail("roster");
  std::vector<Entry> entries(static_cast<std::size_t>(found.st_size) / sizeof(Entry));
  const auto bytes = entries.size() * sizeof(Entry);
  if (pread(roster_, entries.data(), bytes, 0) != static_cast<ssize_t>(bytes)) fail("roster");
  return entries;
}

void Ledger::put(std::size_t slot, const Entry& entry) {
  static_assert(sizeof(Entry) == 64, "a slot must not cross the end of a page");
  const auto at = static_cast<off_t>(slot * sizeof entry);
  if (pwrite(roster_, &entry, sizeof entry, at) != static_cast<ssize_t>(sizeof entry))
    fail("write to the roster");
}

}  // namespace schedctl::chaos
