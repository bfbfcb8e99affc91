-- End the pause. Whether there was one.
select resume()
