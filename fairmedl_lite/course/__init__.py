"""What the lessons ask and show: guesses, quizzes, exercises, explorers."""
