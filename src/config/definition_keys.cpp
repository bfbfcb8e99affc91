#include "config/definition_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <type_traits>

#include "config/keys.h"
#include "config/payload.h"
#include "config/values.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_group = 500;  // what the queue stores
constexpr int most_priority = 100;
constexpr int most_jobs = 1'000'000;
constexpr int most_slots = 10'000;

const std::vector<std::string> misfire_names = {"coalesce", "skip", "all"};
const std::vector<std::string> overlap_names = {"skip", "queue", "allow", "cancel"};

std::string written(const std::string& text) { return text.empty() ? "" : quote(text); }
std::string written(int number) { return std::to_string(number); }
std::string written(double number) { return show(number); }
std::string written(bool truth) { return show(truth); }
std::string written(Duration duration) { return quote(format_duration(duration)); }
std::string written(const std::vector<std::string>& texts) {
  return texts.empty() ? "" : show(texts);
}
template <typename Value>
std::string written(const std::optional<Value>& value) {
  return value ? written(*value) : "";
}

// A field is named by its member, or by the members that lead to it.
template <auto first, auto... rest>
auto& field_of(auto& owner) {
  if constexpr (sizeof...(rest) == 0) {
    return owner.*first;
  } else {
    return field_of<rest...>(owner.*first);
  }
}

template <auto... field>
std::string show_field(const Definition& definition) {
  return written(field_of<field...>(definition));
}

template <auto... field>
constexpr DefinitionKey text(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            field_of<field...>(definition) = read_string(node);
          },
          show_field<field...>};
}

template <auto... field>
constexpr DefinitionKey truth(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            field_of<field...>(definition) = read_bool(node);
          },
          show_field<field...>};
}

template <int least, int most, auto... field>
constexpr DefinitionKey integer(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            field_of<field...>(definition) = static_cast<int>(read_integer(node, least, most));
          },
          show_field<field...>};
}

// `least` in milliseconds.
template <Duration::rep least, auto... field>
constexpr DefinitionKey duration(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            field_of<field...>(definition) = read_duration(node, Duration(least));
          },
          show_field<field...>};
}

template <auto names, auto... field>
constexpr DefinitionKey choice(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            auto& target = field_of<field...>(definition);
            target =
                static_cast<std::remove_reference_t<decltype(target)>>(read_choice(node, *names));
          },
          [](const Definition& definition) {
            return quote((*names)[static_cast<std::size_t>(field_of<field...>(definition))]);
          }};
}

// TOML has times of its own; a string says the same.
template <auto... field>
constexpr DefinitionKey moment(std::string_view name) {
  return {name,
          [](const Node& node, Definition& definition) {
            const auto* native = std::get_if<Moment>(&node.value);
            if (!native && !std::holds_alternative<std::string>(node.value))
              throw Problem{describe(node) + " has the wrong type: write e.g. 2027-01-01T09:00:00Z",
                            node.line};
            field_of<field...>(definition) = native ? native->text : read_string(node);
          },
          show_field<field...>};
}

void read_cron(const Node& node, Definition& definition) {
  auto& schedule = definition.schedule;
  const auto* table = std::get_if<Table>(&node.value);
  if (!table && !std::holds_alternative<std::string>(node.value))
    throw Problem{describe(node) + " has the wrong type: write e.g. \"0 2 * * *\" or { hour = 2 }",
                  node.line};
  if (!table) {
    schedule.cron = read_string(node);
    return;
  }
  auto& fields = schedule.cron_table.emplace();
  for (const auto& [name, place, value] : *table) {
    const auto* number = std::get_if<std::int64_t>(&value.value);
    if (!number && !std::holds_alternative<std::string>(value.value))
      throw Problem{fmt::format("{} of {} has the wrong type: write a number or e.g. \"8,20\"",
                                describe(value), quote(name)),
                    place.line};
    fields.emplace_back(name, number ? std::to_string(*number) : read_string(value));
  }
}

std::string show_cron(const Definition& definition) {
  const auto& [cron, table] = std::tie(definition.schedule.cron, definition.schedule.cron_table);
  if (!table) return written(cron);
  std::string list;
  for (const auto& [name, value] : *table)
    list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", name, quote(value));
  return "{ " + list + " }";
}

void read_first_run(const Node& node, Definition& definition) {
  if (read_string(node) != "now")
    throw Problem{describe(node) + " is unknown: write \"now\", or remove it", node.line};
  definition.first_run_now = true;
}

void read_jitter(const Node& node, Definition& definition) {
  if (!std::holds_alternative<std::string>(node.value))
    throw Problem{describe(node) +
                      " has the wrong type: here jitter is the time over which slots are spread, "
                      "e.g. \"30s\"; that of retries belongs to the handler",
                  node.line};
  definition.jitter = read_duration(node, 0s);
}

void read_multiplier(const Node& node, Definition& definition) {
  definition.retry.multiplier = read_number(node, 1, std::numeric_limits<double>::max());
}

void read_retry_backoff(const Node& node, Definition& definition) {
  job::Backoff backoff;
  read_backoff(node, backoff);
  definition.retry.backoff = backoff.kind;
  definition.retry.delays = std::move(backoff.delays);
}

std::string show_retry_backoff(const Definition& definition) {
  if (!definition.retry.backoff) return "";
  job::Backoff backoff;
  backoff.kind = *definition.retry.backoff;
  backoff.delays = definition.retry.delays;
  return show_backoff(backoff);
}

void read_group(const Node& node, Definition& definition) {
  definition.group = read_name(node, longest_group);
}

void read_depends_on(const Node& node, Definition& definition) {
  auto names = read_strings(node);
  const auto& elements = std::get<Array>(node.value);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i))
      throw Problem{describe(elements[i]) + " stands twice: remove one", elements[i].line};
  definition.depends_on = std::move(names);
}

void read_health_check(const Node& node, Definition& definition) {
  auto argv = read_strings(node);
  if (argv.empty() || argv[0].empty())
    throw Problem{"names no program: write e.g. health_check = [\"/usr/bin/true\"]", node.line};
  definition.health_check = std::move(argv);
}

constexpr std::array keys = {
    text<&Definition::description>("description"),
    text<&Definition::handler>("handler"),
    DefinitionKey{
        "payload",
        [](const Node& node, Definition& definition) { definition.payload = read_payload(node); },
        [](const Definition& definition) { return written(definition.payload); }},
    DefinitionKey{"cron", read_cron, show_cron},
    duration<1000, &Definition::schedule, &WrittenSchedule::every>("every"),
    duration<0, &Definition::schedule, &WrittenSchedule::offset>("offset"),
    moment<&Definition::schedule, &WrittenSchedule::at>("at"),
    moment<&Definition::schedule, &WrittenSchedule::start>("start"),
    moment<&Definition::schedule, &WrittenSchedule::end>("end"),
    text<&Definition::schedule, &WrittenSchedule::timezone>("timezone"),
    DefinitionKey{"first_run", read_first_run,
                  [](const Definition& definition) {
                    return std::string(definition.first_run_now ? "\"now\"" : "");
                  }},
    choice<&misfire_names, &Definition::misfire>("misfire"),
    duration<0, &Definition::catchup_window>("catchup_window"),
    integer<1, most_slots, &Definition::catchup_max>("catchup_max"),
    choice<&overlap_names, &Definition::overlap>("overlap"),
    integer<1, most_jobs, &Definition::concurrency_limit>("concurrency_limit"),
    DefinitionKey{"jitter", read_jitter, show_field<&Definition::jitter>},
    integer<0, most_priority, &Definition::priority>("priority"),
    duration<1, &Definition::timeout>("timeout"),
    integer<0, most_retries, &Definition::retry, &RetryOverrides::max_retries>("max_retries"),
    duration<0, &Definition::retry, &RetryOverrides::base_delay>("base_delay"),
    DefinitionKey{"multiplier", read_multiplier,
                  show_field<&Definition::retry, &RetryOverrides::multiplier>},
    duration<0, &Definition::retry, &RetryOverrides::max_delay>("max_delay"),
    DefinitionKey{"backoff", read_retry_backoff, show_retry_backoff},
    DefinitionKey{"group", read_group, show_field<&Definition::group>},
    DefinitionKey{"depends_on", read_depends_on, show_field<&Definition::depends_on>},
    duration<0, &Definition::dependency_timeout>("dependency_timeout"),
    truth<&Definition::enabled>("enabled"),
    integer<1, most_jobs, &Definition::error_threshold>("error_threshold"),
    duration<1, &Definition::restart_delay>("restart_delay"),
    integer<0, most_jobs, &Definition::max_restarts>("max_restarts"),
    DefinitionKey{"memory_threshold",
                  [](const Node& node, Definition& definition) {
                    definition.memory_threshold_bytes = read_size(node);
                  },
                  [](const Definition& definition) {
                    const auto& bytes = definition.memory_threshold_bytes;
                    return bytes ? quote(format_size(*bytes)) : "";
                  }},
    DefinitionKey{"health_check", read_health_check, show_field<&Definition::health_check>},
};

}  // namespace

std::span<const DefinitionKey> definition_keys() { return keys; }

}  // namespace schedctl::config
