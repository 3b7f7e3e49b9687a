"""Which decompositions a surrogate is made of, judged by what they say of left-out points or cases."""
