"""What is learned from: data sets as products of axes, labelled case by case."""
