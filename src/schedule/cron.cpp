// Reading cron expressions and tables; cron_match.cpp finds their times.
#include "schedule/cron.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::schedule {
namespace {

// With every number spelled out, six fields have about 600 characters.
constexpr std::size_t longest_text = 1000;

struct Macro {
  std::string_view name;
  std::string_view expression;
};

constexpr std::array<Macro, 7> macros{{{"@hourly", "0 * * * *"},
                                       {"@daily", "0 0 * * *"},
                                       {"@midnight", "0 0 * * *"},
                                       {"@weekly", "0 0 * * 0"},
                                       {"@monthly", "0 0 1 * *"},
                                       {"@yearly", "0 0 1 1 *"},
                                       {"@annually", "0 0 1 1 *"}}};

// A field of the text, and where it stands there.
struct Word {
  std::string_view text;
  std::size_t position;
};

std::vector<Word> split(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<Word> words;
  for (auto begin = text.find_first_not_of(blanks); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(blanks, begin), text.size());
    words.push_back({text.substr(begin, end - begin), begin});
    begin = text.find_first_not_of(blanks, end);
  }
  return words;
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lowered;
}

[[noreturn]] void fail(std::string_view text, const std::string& why) {
  throw DataError(fmt::format("cron \"{}\"{}", shown(text), why));
}

void set_field(Cron& cron, Field field, std::string_view text) {
  auto values = read_field(field, text);
  cron.written[static_cast<std::size_t>(field)] = text;
  switch (field) {
    case Field::year:
      cron.years = std::move(values.ranges);
      return;
    case Field::month:
      cron.months = bits(values.ranges);
      return;
    case Field::week:
      cron.weeks = bits(values.ranges);
      return;
    case Field::hour:
      cron.hours = bits(values.ranges);
      break;
    case Field::minute:
      cron.minutes = bits(values.ranges);
      break;
    case Field::second:
      cron.seconds = bits(values.ranges);
      return;
    case Field::day:
      cron.days = bits(values.ranges);
      cron.last_day = values.last_day;
      return;
    case Field::day_of_week:
      cron.weekdays = bits(values.ranges);
      cron.last_weekdays = values.last_weekdays;
      cron.nth_weekdays = values.nth_weekdays;
      return;
  }
  if (values.starred) cron.follows_clock = true;
}

// Sets a field that nobody wrote.
void set_default(Cron& cron, Field field, std::string_view text) {
  set_field(cron, field, text);
  cron.written[static_cast<std::size_t>(field)].clear();
}

// The fields that a date has to fit, for the message that none does.
std::string list_date_fields(const Cron& cron) {
  std::string list;
  for (const Field field :
       {Field::year, Field::month, Field::day, Field::week, Field::day_of_week}) {
    const auto& text = cron.text_of(field);
    if (text.empty() || text == "*") continue;
    list += fmt::format("{}{} \"{}\"", list.empty() ? "" : ", ", rule_of(field).name, shown(text));
  }
  return list;
}

void refuse_impossible(const Cron& cron, std::string_view text) {
  constexpr LocalTime begin{std::chrono::local_days(first_year / std::chrono::January / 1)};
  if (next_fitting(cron, begin)) return;
  fail(text, fmt::format(": no date fits {}: change one of them", list_date_fields(cron)));
}

std::string_view expand(std::string_view name, std::string_view text) {
  const auto lowered = lower(name);
  std::vector<std::string> names = {"@reboot"};
  for (const auto& macro : macros) {
    if (macro.name == lowered) return macro.expression;
    names.emplace_back(macro.name);
  }
  const auto near = suggestion(lowered, names);
  if (near) fail(text, fmt::format(" is unknown: did you mean \"{}\"?", *near));
  fail(text, " is unknown: use @hourly, @daily, @weekly, @monthly, @yearly or @reboot");
}

Cron parse_words(const std::vector<Word>& words, std::string_view text) {
  constexpr std::array order = {Field::second, Field::minute, Field::hour,
                                Field::day,    Field::month,  Field::day_of_week};
  if (words.size() != 5 && words.size() != 6)
    fail(text, fmt::format(" has {} fields: write 5, \"minute hour day month day_of_week\", or 6, "
                           "seconds first",
                           words.size()));
  Cron cron;
  const std::size_t skipped = order.size() - words.size();
  if (skipped == 1) set_default(cron, Field::second, "0");
  set_default(cron, Field::week, "*");
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Field field = order[i + skipped];
    try {
      set_field(cron, field, words[i].text);
    } catch (const FieldProblem& problem) {
      fail(text, fmt::format(": {} (field {}, character {}): {}", rule_of(field).name, i + 1,
                             words[i].position + problem.position + 1, problem.text));
    }
  }
  cron.either_day = !cron.text_of(Field::day).starts_with('*') &&
                    !cron.text_of(Field::day_of_week).starts_with('*');
  return cron;
}

Field field_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Field field : all_fields) {
    if (rule_of(field).name == name) return field;
    names.emplace_back(rule_of(field).name);
  }
  const auto near = suggestion(name, names);
  throw DataError(fmt::format("cron.{} is unknown: {}", shown(name),
                              near ? fmt::format("did you mean {}?", *near)
                                   : fmt::format("use one of {}", fmt::join(names, ", "))));
}

void set_named(Cron& cron, Field field, const std::string& text) {
  const auto name = rule_of(field).name;
  if (text.size() > longest_text)
    throw DataError(fmt::format("cron.{} \"{}\" has {} characters: use at most {}", name,
                                shown(text), text.size(), longest_text));
  try {
    set_field(cron, field, text);
  } catch (const FieldProblem& problem) {
    throw DataError(
        fmt::format("cron.{} (character {}): {}", name, problem.position + 1, problem.text));
  }
}

std::string write(const CronTable& table) {
  std::string text;
  for (const auto& [name, value] : table)
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
  return "{" + text + "}";
}

}  // namespace

Cron parse_cron(std::string_view text) {
  if (text.size() > longest_text)
    fail(text, fmt::format(" has {} characters: use at most {}", text.size(), longest_text));
  auto words = split(text);
  if (words.empty()) fail(text, " is empty: write e.g. \"0 2 * * *\"");
  if (is_reboot(text)) fail(text, " names no time: it cannot be used here");
  if (words.size() == 1 && words[0].text.starts_with('@'))
    words = split(expand(words[0].text, text));
  auto cron = parse_words(words, text);
  refuse_impossible(cron, text);
  return cron;
}

bool is_reboot(std::string_view text) {
  if (text.size() > longest_text) return false;
  const auto words = split(text);
  return words.size() == 1 && lower(words[0].text) == "@reboot";
}

Cron parse_cron_table(const CronTable& table) {
  if (table.empty()) throw DataError("cron {} is empty: write e.g. { hour = 2 }");
  Cron cron;
  cron.is_table = true;
  auto smallest = Field::year;
  std::array<bool, all_fields.size()> named = {};
  for (const auto& [name, text] : table) {
    const Field field = field_named(name);
    if (std::exchange(named[static_cast<std::size_t>(field)], true))
      throw DataError(fmt::format("cron.{} stands twice: remove one", name));
    smallest = std::max(smallest, field);
    set_named(cron, field, text);
  }
  for (const Field field : all_fields) {
    if (named[static_cast<std::size_t>(field)]) continue;
    const bool any = field < smallest || field == Field::week || field == Field::day_of_week;
    if (field == Field::year) continue;  // none named: every year
    set_default(cron, field, any ? "*" : std::to_string(rule_of(field).first));
  }
  refuse_impossible(cron, write(table));
  return cron;
}

}  // namespace schedctl::schedule
