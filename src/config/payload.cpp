#include "config/payload.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "config/values.h"
#include "util/json_object.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

void append(std::string& json, const Node& node);

void append_text(std::string& json, const std::string& text, int line) {
  if (!is_storable(text))
    throw Problem{describe(Node{text}) + " holds a NUL or invalid UTF-8: remove it", line};
  json += json_string(text);
}

void append_table(std::string& json, const Table& table) {
  char separator = '{';
  if (table.empty()) json += separator;
  for (const auto& [key, place, value] : table) {
    json += std::exchange(separator, ',');
    append_text(json, key, place.line);
    json += ':';
    append(json, value);
  }
  json += '}';
}

void append_array(std::string& json, const Array& array) {
  char separator = '[';
  if (array.empty()) json += separator;
  for (const auto& element : array) {
    json += std::exchange(separator, ',');
    append(json, element);
  }
  json += ']';
}

void append(std::string& json, const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) {
    append_text(json, *text, node.line);
  } else if (const auto* table = std::get_if<Table>(&node.value)) {
    append_table(json, *table);
  } else if (const auto* array = std::get_if<Array>(&node.value)) {
    append_array(json, *array);
  } else if (const auto* moment = std::get_if<Moment>(&node.value)) {
    json += json_string(moment->text);
  } else {
    if (const auto* number = std::get_if<double>(&node.value); number && !std::isfinite(*number))
      throw Problem{describe(node) + " is no number of JSON: write a finite one, or a string",
                    node.line};
    json += describe(node);  // numbers, true and false are written alike in both
  }
}

std::string check_object(std::string text, int line) {
  const auto fault = fault_of_json_object(text, JsonRules::complete);
  if (!fault.empty())
    throw Problem{fault + ": write a table, { shop = \"s1\" }, or the text of one JSON object",
                  line};
  return text;
}

}  // namespace

std::string read_payload(const Node& node) {
  if (std::holds_alternative<std::string>(node.value))
    return check_object(read_string(node), node.line);
  const auto* table = std::get_if<Table>(&node.value);
  if (table == nullptr)
    throw Problem{describe(node) + " has the wrong type: write a table, e.g. { shop = \"s1\" }",
                  node.line};
  std::string json;
  append_table(json, *table);
  return check_object(std::move(json), node.line);
}

}  // namespace schedctl::config
