// Reading the columns of a row that the database functions of db/transaction.h do not cover.
#pragma once

#include <optional>
#include <pqxx/field>

namespace schedctl::observe {

template <typename T>
std::optional<T> number_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<T>();
}

}  // namespace schedctl::observe
